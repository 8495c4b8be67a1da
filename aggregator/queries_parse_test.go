package aggregator

import (
	"testing"
	"time"
)

// TestAskParse: a text is read once for all copies of a question, and anew when it is
// another.
func TestAskParse(t *testing.T) {
	ask := Ask{SQL: "SELECT count() FROM t WITHIN 3s"}
	first, err := ask.parse()
	if err != nil {
		t.Fatal(err)
	}
	other := ask
	if again, _ := other.parse(); again != first {
		t.Error("a copy was read again")
	}
	if got := other.timeout(); got != 3*time.Second {
		t.Errorf("WITHIN 3s is %v", got)
	}
	other.SQL = "SELECT count() FROM t WITHIN 2s"
	if got := other.timeout(); got != 2*time.Second {
		t.Errorf("WITHIN 2s of another text is %v", got)
	}
	if got := ask.timeout(); got != 3*time.Second {
		t.Errorf("the question that was copied has %v now", got)
	}
	other.SQL = "SELECT"
	if _, err := other.parse(); err == nil {
		t.Error("half a statement was read")
	}
}
