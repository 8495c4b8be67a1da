package side

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	f := func(want string, build func(*table)) {
		t.Helper()
		tab := newTable("what", "µs", "ratio")
		build(tab)
		var b strings.Builder
		n, err := tab.WriteTo(&b)
		if err != nil || n != int64(b.Len()) || b.String() != want {
			t.Errorf("%d bytes, %v:\n%s\nwant:\n%s", n, err, b.String(), want)
		}
	}
	f("", func(*table) {})
	f(`| what |  µs | ratio |
|------|----:|------:|
| a\|b | 1.5 |  0.50 |
| c d  |   2 |       |

`, func(t *table) {
		t.add("a|b", "1.5", "0.50")
		t.add("c\nd", "2")
	})
}

func TestTableRefusesWideRows(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a row wider than its table was taken")
		}
	}()
	newTable("one").add("1", "2")
}

func TestNumbers(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(significant(0), "0")
	f(significant(0.0456), "0.046")
	f(significant(1.234), "1.23")
	f(significant(12.34), "12.3")
	f(significant(1234567.8), "1,234,568")
	f(milliseconds(0), "-")
	f(milliseconds(1500*time.Microsecond), "1.50")
	f(milliseconds(12*time.Second), "12,000")
	f(grouped(999), "999")
	f(grouped(1000), "1,000")
	f(grouped(-1234567), "-1,234,567")
	f(ratio(1, 4), "0.25")
	f(ratio(1, 0), "-")
	f(ratio(0, 1), "-")
	f(perRow(45, 2), "22.50")
	f(perRow(45, 0), "-")
	f(short(10_000_000), "10M")
	f(short(200_000), "200k")
	f(short(1234), "1234")
}
