package oracle

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strings"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// call is the value of a scalar function.
func (o *oracle) call(e *query.Call, c ctx) storage.Value {
	switch e.Name {
	case "now":
		return storage.Time(o.now)
	case "time":
		return storage.Time(o.bucketOf(e).start(c.row[storage.TimeColumn].Int))
	case "extract":
		zone := o.zone
		if len(e.Args) > 2 {
			zone = o.zoneOf(e.Args[2])
		}
		return extract(e.Args[0].(*query.Literal).Value.Str, asTime(o.eval(e.Args[1], c)), zone)
	case "time_bucket", "date_trunc":
		t := asTime(o.eval(e.Args[1], c))
		if isNull(t) {
			return null
		}
		return storage.Time(o.bucketOf(e).start(t.Int))
	case "typeof":
		if name, ok := o.column(e.Args[0], c); ok {
			t := c.row[name].Type // as it is stored
			if t == storage.TypeInt64 && o.hasFloats[name] {
				t = storage.TypeFloat64
			}
			return storage.String(t.String())
		}
		return storage.String(o.eval(e.Args[0], c).Type.String())
	case "unnest":
		return c.row[itemColumn]
	case "length":
		return length(o.value(e.Args[0], c))
	}
	var args []storage.Value
	for _, arg := range e.Args {
		args = append(args, o.eval(arg, c))
	}
	if v, ok := o.choose(e, c, args); ok {
		return v
	}
	if v, ok := mathCall(e.Name, args); ok {
		return v
	}
	if v, ok := textCall(e.Name, args); ok {
		return v
	}
	panic(fmt.Sprintf("BUG: the function %s", e.Name))
}

// choose is the functions that give one of their arguments.
func (o *oracle) choose(e *query.Call, c ctx, args []storage.Value) (storage.Value, bool) {
	switch e.Name {
	case "coalesce":
		for _, v := range args {
			if !isNull(v) {
				return v, true
			}
		}
		return null, true
	case "if":
		if o.isTrue(e.Args[0], c) {
			return args[1], true
		}
		return args[2], true
	case "nullif":
		v := o.compareAs(query.BinaryEq, e.Args[0], e.Args[1], c)
		if v.Type == storage.TypeBool && v.Int != 0 {
			return null, true
		}
		return args[0], true
	case "greatest", "least":
		best := null
		for _, v := range args {
			v = coerce(v, o.typeOf(e, c))
			if isNull(v) {
				continue
			}
			if isNull(best) || e.Name == "greatest" && order(v, best) > 0 || e.Name == "least" && order(v, best) < 0 {
				best = v
			}
		}
		return best, true
	}
	return null, false
}

func length(v storage.Value) storage.Value {
	switch v.Type {
	case storage.TypeNull:
		return null
	case storage.TypeList:
		return storage.Int(int64(len(v.List)))
	}
	return storage.Int(int64(len([]rune(text(v)))))
}

// mathCall is the functions of numbers.
func mathCall(name string, args []storage.Value) (storage.Value, bool) {
	if len(args) == 0 {
		return null, false
	}
	x := number(args[0])
	ofFloat := func(f func(float64) float64) (storage.Value, bool) {
		if isNull(x) {
			return null, true
		}
		y := f(float(x))
		if math.IsNaN(y) && !math.IsNaN(float(x)) || math.IsInf(y, -1) {
			return null, true
		}
		return storage.Float(y), true
	}
	whole := func(f func(float64) float64) (storage.Value, bool) {
		if x.Type != storage.TypeFloat64 {
			return x, true
		}
		return storage.Float(f(x.Float)), true
	}
	switch name {
	case "sqrt":
		return ofFloat(math.Sqrt)
	case "ln":
		return ofFloat(math.Log)
	case "log10":
		return ofFloat(math.Log10)
	case "exp":
		return ofFloat(math.Exp)
	case "ceil":
		return whole(math.Ceil)
	case "floor":
		return whole(math.Floor)
	case "abs":
		if x.Type == storage.TypeInt64 && x.Int < 0 {
			return intArithmetic(query.BinarySub, 0, x.Int), true
		}
		return whole(math.Abs)
	case "round":
		return round(x, args), true
	case "power":
		y := number(args[1])
		if isNull(x) || isNull(y) || float(x) == 0 && float(y) < 0 {
			return null, true
		}
		z := math.Pow(float(x), float(y))
		if math.IsNaN(z) && !math.IsNaN(float(x)) && !math.IsNaN(float(y)) {
			return null, true
		}
		return storage.Float(z), true
	case "bucket":
		return floorTo(x, number(args[1])), true
	case "epoch":
		t := asTime(args[0])
		if isNull(t) {
			return null, true
		}
		return storage.Float(seconds(big.NewInt(t.Int))), true
	case "to_timestamp":
		return shift(storage.Time(0), args[0], false), true
	}
	return null, false
}

// floorTo is floor(x / w) * w.
func floorTo(x, w storage.Value) storage.Value {
	if isNull(x) || isNull(w) || float(w) == 0 {
		return null
	}
	if x.Type == storage.TypeFloat64 || w.Type == storage.TypeFloat64 {
		return storage.Float(math.Floor(float(x)/float(w)) * float(w))
	}
	a, b := big.NewInt(x.Int), big.NewInt(w.Int)
	q, m := new(big.Int), new(big.Int)
	q.QuoRem(a, b, m)
	if m.Sign() != 0 && m.Sign() != b.Sign() {
		q.Sub(q, big.NewInt(1))
	}
	if q.Mul(q, b); !q.IsInt64() {
		return null
	}
	return storage.Int(q.Int64())
}

// round rounds half away from zero, to digits behind the point if there is a
// second argument.
func round(x storage.Value, args []storage.Value) storage.Value {
	digits := int64(0)
	if len(args) > 1 {
		d := cast(number(args[1]), storage.TypeInt64)
		if isNull(d) {
			return null
		}
		digits = d.Int
	}
	if isNull(x) {
		return null
	}
	if x.Type == storage.TypeFloat64 {
		if digits == 0 {
			return storage.Float(math.Round(x.Float))
		}
		if digits < 0 {
			p := math.Pow(10, float64(-digits))
			return storage.Float(math.Round(x.Float/p) * p)
		}
		p := math.Pow(10, float64(digits))
		return storage.Float(math.Round(x.Float*p) / p)
	}
	if digits >= 0 {
		return x
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(-digits), nil)
	n := big.NewInt(x.Int)
	half := new(big.Int).Div(unit, big.NewInt(2))
	if n.Sign() < 0 {
		half.Neg(half)
	}
	n.Add(n, half)
	n.Quo(n, unit)
	if n.Mul(n, unit); !n.IsInt64() {
		return null
	}
	return storage.Int(n.Int64())
}

// textCall is the functions of text.
func textCall(name string, args []storage.Value) (storage.Value, bool) {
	if name == "concat" {
		s := ""
		for _, v := range args {
			if !isNull(v) {
				s += text(v)
			}
		}
		return storage.String(s), true
	}
	var t []string
	for _, v := range args {
		if isNull(v) {
			return null, true
		}
		t = append(t, text(v))
	}
	switch name {
	case "lower":
		return storage.String(strings.ToLower(t[0])), true
	case "upper":
		return storage.String(strings.ToUpper(t[0])), true
	case "trim":
		return storage.String(strings.Trim(t[0], " ")), true
	case "starts_with":
		return storage.Bool(strings.HasPrefix(t[0], t[1])), true
	case "ends_with":
		return storage.Bool(strings.HasSuffix(t[0], t[1])), true
	case "contains":
		return storage.Bool(strings.Contains(t[0], t[1])), true
	case "replace":
		if t[1] == "" {
			return args[0], true
		}
		return storage.String(strings.ReplaceAll(t[0], t[1], t[2])), true
	case "substr":
		return substr(t[0], args), true
	case "split_part":
		return splitPart(t[0], t[1], args[2]), true
	case "regexp_extract":
		m := regexp.MustCompile(t[1]).FindStringSubmatchIndex(t[0])
		switch {
		case m == nil:
			return null, true
		case len(m) > 2 && m[2] < 0:
			return null, true
		case len(m) > 2:
			return storage.String(t[0][m[2]:m[3]]), true
		}
		return storage.String(t[0][m[0]:m[1]]), true
	case "regexp_replace":
		return regexpReplace(t), true
	case "json_extract":
		return jsonExtract(t[0], t[1]), true
	}
	return null, false
}

// substr counts code points from 1; what is asked for before the first counts.
func substr(s string, args []storage.Value) storage.Value {
	from := cast(number(args[1]), storage.TypeInt64)
	if isNull(from) {
		return null
	}
	count := storage.Int(math.MaxInt32)
	if len(args) > 2 {
		if count = cast(number(args[2]), storage.TypeInt64); isNull(count) || count.Int < 0 {
			return null
		}
	}
	var out []rune
	for i, r := range []rune(s) {
		if at := int64(i + 1); at >= from.Int && at-from.Int < count.Int {
			out = append(out, r)
		}
	}
	return storage.String(string(out))
}

// splitPart counts from 1, or from the end with a negative number.
func splitPart(s, by string, which storage.Value) storage.Value {
	n := cast(number(which), storage.TypeInt64)
	if isNull(n) || n.Int == 0 {
		return null
	}
	list := []string{s}
	if by != "" {
		list = strings.Split(s, by)
	}
	at := n.Int - 1
	if n.Int < 0 {
		at = int64(len(list)) + n.Int
	}
	if at < 0 || at >= int64(len(list)) {
		return storage.String("")
	}
	return storage.String(list[at])
}

var groupPattern = regexp.MustCompile(`\\[0-9\\]`)

// regexpReplace replaces the first match, all with 'g'; \1 is group 1.
func regexpReplace(t []string) storage.Value {
	re := regexp.MustCompile(t[1])
	template := strings.ReplaceAll(t[2], "$", "$$")
	template = groupPattern.ReplaceAllStringFunc(template, func(s string) string {
		if s == `\\` {
			return `\`
		}
		return "${" + s[1:] + "}"
	})
	matches := re.FindAllStringSubmatchIndex(t[0], -1)
	if len(t) < 4 || !strings.Contains(t[3], "g") {
		matches = matches[:min(1, len(matches))]
	}
	var out []byte
	end := 0
	for _, m := range matches {
		out = append(out, t[0][end:m[0]]...)
		out = re.ExpandString(out, template, t[0], m)
		end = m[1]
	}
	return storage.String(string(out) + t[0][end:])
}
