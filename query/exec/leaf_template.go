package exec

import (
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// maskTemplates sets the rows of sel that match as far as the templates of the column
// tell, and returns the others, whose texts have to be asked. The pattern is held
// against each template once: all of its texts match, or none, or it depends on some of
// the variables, of which alone the texts are written out then.
func maskTemplates(v *blockView, c *storedColumn, dst, sel bitmap, m *query.Matcher) (open bitmap, err error) {
	if c.Encoding() != storage.EncTemplate || sel.count() < templateRowsMin || c.textReady && covers(c.textRows, sel) {
		return sel, nil
	}
	w := m.Walker()
	if w == nil {
		return sel, nil
	}
	defer w.Close()
	v.touch(c)
	templates, err := c.Templates()
	if templates == nil {
		return sel, err
	}
	courses, windows, err := walkTemplates(v, w, templates)
	if err != nil {
		return nil, err
	}
	rowsOf := func(verdict query.Verdict) bitmap {
		want := make([]bool, len(templates)+1)
		any := false
		for i := range courses {
			want[i] = courses[i].Verdict == verdict
			any = any || want[i]
		}
		rows := v.bitmap(v.rows)
		if any {
			c.OfTemplates(rows, want)
			rows.and(sel)
		}
		return rows
	}
	dst.or(rowsOf(query.VerdictAll))
	open = rowsOf(query.VerdictOpen)
	rows := rowsOf(query.VerdictWindow)
	if rows.empty() {
		return open, nil
	}
	if c.windowed { // a second pattern: whole texts serve all that follow
		open.or(rows)
		return open, nil
	}
	c.windowed = true
	defer v.release(v.mark())
	text, of, err := c.TextWindows(rows, windows, v.textBuf())
	if err != nil {
		return nil, err
	}
	return open, maskWindows(v, w, courses, dst, open, rows, text, of)
}

// walkTemplates holds the pattern against each template; texts of none are open.
func walkTemplates(v *blockView, w *query.Walker, templates []storage.TextTemplate) ([]query.Course, []storage.TextWindow, error) {
	courses, windows := make([]query.Course, len(templates)+1), make([]storage.TextWindow, len(templates))
	for i := range templates {
		if v.expired() {
			return nil, nil, errExpired
		}
		t := &templates[i]
		variables := make([][]query.Part, len(t.Variables))
		for k, parts := range t.Variables {
			for _, p := range parts {
				variables[k] = append(variables[k], query.Part(p))
			}
		}
		courses[i] = w.Walk(t.Constants, variables)
		windows[i] = storage.TextWindow{First: courses[i].First, Past: courses[i].Past}
	}
	return courses, windows, nil
}

// maskWindows sets the rows that match by their windows, and in open those of which
// these do not tell.
func maskWindows(v *blockView, w *query.Walker, courses []query.Course, dst, open, rows bitmap, text storage.Text, of []uint8) error {
	n := 0
	expired := false
	forEach(rows, func(row int) {
		if n++; n%pollRows == 0 && !expired {
			expired = v.expired()
		}
		if expired {
			return
		}
		switch yes, known := w.Match(&courses[of[row]], text.At(row)); {
		case !known:
			open.set(row)
		case yes:
			dst.set(row)
		}
	})
	if expired {
		return errExpired
	}
	return nil
}
