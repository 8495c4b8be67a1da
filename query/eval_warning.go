package query

// Warning is a set of reasons why values came out null though they went in not
// null. It is collected per query, never per row.
type Warning uint32

// Reasons for a null.
const (
	WarnOverflow Warning = 1 << iota // an integer result passes int64, a time its range
	WarnDivZero                      // x/0, x%0
	WarnCast                         // CAST of what has no such form
	WarnDomain                       // ln(0), sqrt(-1): no such value
	WarnArgument                     // an argument that is out of what the function takes
	WarnItems                        // a list longer than UNNEST takes: nothing is null, items are left out

	warningsCount = 6
)

var warningTexts = [warningsCount]string{
	"some results pass the range of their type and are null",
	"some values were divided by zero; the results are null",
	"some values could not be cast; they are null",
	"some values have no result in a mathematical function (ln(0), sqrt(-1)); the results are null",
	"some arguments of functions are out of range; the results are null",
	"some lists have more than 1000 items: UNNEST takes the first 1000 of each",
}

// Texts says in words what is in the set.
func (w Warning) Texts() []string {
	var texts []string
	for i, text := range warningTexts {
		if w&(1<<i) != 0 {
			texts = append(texts, text)
		}
	}
	return texts
}

// Warner is a Row that collects warnings. Warn is called from the goroutine that
// evaluates, any number of times.
type Warner interface {
	Warn(w Warning)
}

// warn hands a warning to the row, if there is one and the row wants it.
func warn(r Row, w Warning) {
	if c, ok := r.(Warner); ok && w != 0 {
		c.Warn(w)
	}
}
