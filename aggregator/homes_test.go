package aggregator

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// TestHomes holds the candidates of a key against a model of a cluster that
// grew: wherever a batch was placed, its key's candidates later include that leaf.
func TestHomes(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	born := func(ago time.Duration) int64 { return now.Add(-ago).UnixNano() }
	all := []candidate{
		{"a", "id-a", born(50 * time.Hour), math.MinInt64}, {"b", "id-b", born(49 * time.Hour), math.MinInt64}, {"c", "id-c", born(30 * time.Minute), math.MinInt64},
		{"d", "id-d", born(20 * time.Minute), math.MinInt64}, {"e", "id-e", born(time.Minute), math.MinInt64},
	}
	asked := 0
	for i := range 2000 { // placed when all that were born had settled
		key := fmt.Sprint("key-", i)
		later := homes("t", key, all, now)
		asked += len(later) - 1
		for _, at := range []time.Duration{55 * time.Minute, 25 * time.Minute, 10 * time.Minute, 0} {
			placed := now.Add(-at)
			var there []candidate
			for _, c := range all {
				if c.born <= placed.UnixNano() {
					there = append(there, c)
				}
			}
			home := homes("t", key, there, placed)[0]
			found := false
			for _, c := range later {
				found = found || c == home
			}
			if !found {
				t.Fatalf("%s placed %v ago on %s, which is not among %v", key, at, home.name, later)
			}
		}
	}
	if asked > 2000*2 {
		t.Errorf("%d leaves asked beside the home for 2,000 keys", asked)
	}
	young := append(all, candidate{"f", "id-f", born(time.Second), math.MinInt64})
	for i := range 200 {
		if home := homes("t", fmt.Sprint("key-", i), young, now)[0]; home.name == "f" {
			t.Fatal("a leaf that was born a second ago is a home beside older ones")
		}
	}
	old := make([]candidate, len(all))
	for i, c := range all {
		old[i] = candidate{c.name, c.id, born(30 * time.Hour), math.MinInt64}
	}
	if n := len(homes("t", "key", old, now)); n != 1 {
		t.Errorf("%d candidates in a cluster that has not grown for longer than keys live, want 1", n)
	}
}

// TestHomesOfLateKeys: leaves that joined one after another before the first
// key came need not be asked for keys that fall to the younger.
func TestHomesOfLateKeys(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	all := make([]candidate, 4)
	for i := range all {
		born := now.Add(time.Duration(i*2-600) * time.Second).UnixNano()
		all[i] = candidate{fmt.Sprint(i), fmt.Sprint("id-", i), born, now.Add(-5 * time.Minute).UnixNano()}
	}
	all[1].oldestKey = math.MaxInt64
	for i := range 500 {
		if n := len(homes("t", fmt.Sprint("key-", i), all, now)); n != 1 {
			t.Fatalf("%d leaves to be asked though every key came after all had joined", n)
		}
	}
	all[0].oldestKey = all[0].born + int64(time.Second) // before the others
	asked := 0
	for i := range 500 {
		asked += len(homes("t", fmt.Sprint("key-", i), all, now)) - 1
	}
	if asked == 0 {
		t.Error("a leaf that has keys from before the others joined is never asked")
	}
}

// TestHomesAreSteady: in a cluster whose leaves were born moments apart, a key's
// home of one moment is among its candidates at every later one.
func TestHomesAreSteady(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	var all []candidate
	for i, after := range []time.Duration{0, 300 * time.Millisecond, 4 * time.Second, 6 * time.Second, 20 * time.Second} {
		all = append(all, candidate{fmt.Sprint(i), fmt.Sprint("id-", i), start.Add(after).UnixNano(), math.MinInt64})
	}
	there := func(now time.Time) (list []candidate) {
		for _, c := range all {
			if c.born <= now.UnixNano() {
				list = append(list, c)
			}
		}
		return list
	}
	for k := range 300 {
		key := fmt.Sprint("key-", k)
		for placed := range 40 {
			at := start.Add(time.Duration(placed) * time.Second)
			home := homes("t", key, there(at), at)[0]
			for later := placed; later < 60; later++ {
				now := start.Add(time.Duration(later) * time.Second)
				found := false
				for _, c := range homes("t", key, there(now), now) {
					found = found || c == home
				}
				if !found {
					t.Fatalf("%s, placed on %s after %d s, is not looked for there after %d s", key, home.name, placed, later)
				}
			}
		}
	}
}
