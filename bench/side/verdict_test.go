package side

import (
	"strings"
	"testing"
)

// wrongOf enters answers of round 0 and returns what the book says.
func wrongOf(b *book) string {
	wrong, _ := b.verdict()
	return strings.Join(wrong, "\n")
}

func TestBookComparesSystems(t *testing.T) {
	f := func(want string, enter func(b *book, say func(system, rows string, change ...func(*reply)))) {
		t.Helper()
		b := newBook(questions())
		enter(b, func(system, rows string, change ...func(*reply)) {
			r := &reply{rows: rowsOf(t, rows), whole: 1}
			for _, c := range change {
				c(r)
			}
			b.enter(who{system: system}, b.question("Q2"), key{"Q2", false, 0}, r)
		})
		got := wrongOf(b)
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	type saying = func(system, rows string, change ...func(*reply))
	f("", func(_ *book, say saying) {
		say("kelp", `[["api", 2], ["web", 1]]`)
		say("other", `[["web", "1"], ["api", "2"]]`)
	})
	f("kelp against other, Q2 over 24 h (round 0): row 1, column 2: 2 against 3", func(_ *book, say saying) {
		say("kelp", `[["api", 2]]`)
		say("other", `[["api", 3]]`)
	})
	f("other, Q2 over 24 h (round 0): row 1, column 2: \"x\" is not an integer", func(_ *book, say saying) {
		say("other", `[["api", "x"]]`)
	})
	f("not complete (0.9900)", func(_ *book, say saying) {
		say("kelp", `[["api", 2]]`, func(r *reply) { r.whole = 0.99 })
	})
	f("the answer is cut by groups at 10", func(_ *book, say saying) {
		say("kelp", `[["api", 2]]`, func(r *reply) { r.inexact = "cut by groups at 10" })
	})
	// Other rounds are other answers.
	f("", func(b *book, say saying) {
		say("kelp", `[["api", 2]]`)
		b.enter(who{system: "other"}, b.question("Q2"), key{"Q2", false, 1}, &reply{rows: rowsOf(t, `[["api", 3]]`), whole: 1})
		b.enter(who{system: "other"}, b.question("Q2"), key{"Q2", true, 0}, &reply{rows: rowsOf(t, `[["api", 4]]`), whole: 1})
	})
}

func TestBookComparesAfterRestarts(t *testing.T) {
	b := newBook(questions())
	for _, w := range []who{{"kelp", ""}, {"kelp", afterKill}} {
		rows := `[[10]]`
		if w.happened != "" {
			rows = `[[9]]`
		}
		b.enter(w, b.question("Q1"), key{"Q1", false, 0}, &reply{rows: rowsOf(t, rows), whole: 1})
	}
	if got := wrongOf(b); !strings.Contains(got, "kelp against kelp killed -9 at rest, Q1") {
		t.Errorf("a lost row was not noticed: %q", got)
	}
}

func TestBookHoldsCompletenessAgainstTruth(t *testing.T) {
	f := func(ratio float64, rows, want string) {
		t.Helper()
		b := newBook(questions())
		b.honest(who{"kelp", afterPowerOff}, &reply{rows: rowsOf(t, rows), whole: ratio}, 1000)
		if got := wrongOf(b); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("ratio %v of %s: %q, want %q", ratio, rows, got, want)
		}
	}
	f(0.25, `[[250]]`, "")
	f(0.1, `[[250]]`, "") // lower is allowed
	f(0.2501, `[[250]]`, "completeness 0.2501 with 250 of 1000 rows")
	f(1, `[[999]]`, "completeness 1.0000")
	f(0, `[]`, "no count")
	f(0, `[[null]]`, "no count")
}

func TestBookHoldsApproximationsAgainstTheExact(t *testing.T) {
	f := func(id, system, rows, exact, want string) {
		t.Helper()
		b := newBook(questions())
		k := key{id, false, 0}
		q := b.question(id)
		b.enter(who{system: system}, q, k, &reply{rows: rowsOf(t, rows), whole: 1})
		if err := b.truth(q, k, &reply{rows: rowsOf(t, exact), whole: 1}); err != nil {
			t.Fatal(err)
		}
		wrong, off := b.verdict()
		got := strings.Join(wrong, "\n")
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s of %s: %q, want %q", id, system, got, want)
		}
		if _, ok := off[k][system]; ok == strings.Contains(want, "exact answer") {
			t.Errorf("%s of %s: deviations %v", id, system, off)
		}
	}
	const exact5 = `[[0, 7, 100], [300000, 7, 200], [600000, 7, 300]]`
	f("Q5", "kelp", `[[0, 7, 100.9], [300000, 7, 199], [600000, 7, 300]]`, exact5, "")
	f("Q5", "kelp", `[[0, 7, 100], [300000, 7, 200], [600000, 7, 304]]`, exact5, "off by 1.33%, 1.00% is allowed")
	f("Q5", "kelp", `[[0, 8, 100], [300000, 7, 200], [600000, 7, 300]]`, exact5, "exact answer against kelp")
	f("Q5", "other", `[[0, 7, 100], [300000, 7, 202], [600000, 7, 900]]`, exact5, "") // one small group
	f("Q5", "other", `[[0, 7, 150], [300000, 7, 300], [600000, 7, 900]]`, exact5, "off by 50.00%, 25.00% is allowed")
	f("Q6a", "kelp", `[["api", 1020]]`, `[["api", 1000]]`, "")
	f("Q6a", "kelp", `[["api", 1050]]`, `[["api", 1000]]`, "off by 5.00%, 4.00% is allowed")
}

func TestBookWithoutExactAnswers(t *testing.T) {
	b := newBook(questions())
	k := key{"Q6a", false, 0}
	b.enter(who{system: "kelp"}, b.question("Q6a"), k, &reply{rows: rowsOf(t, `[["api", 5]]`), whole: 1})
	if wrong, off := b.verdict(); len(wrong) != 0 || len(off) != 0 {
		t.Errorf("%v, %v", wrong, off)
	}
}
