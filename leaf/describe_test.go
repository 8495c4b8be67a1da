package leaf

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// TestEncodingsAreTold: the detail of a table says how the values of a column are
// stored, and which share of its texts fits no template.
func TestEncodingsAreTold(t *testing.T) {
	l, _ := newLeaf(t)
	b := storage.NewBatch()
	message, service := b.Slot([]byte("message")), b.Slot([]byte("service"))
	rng := rand.New(rand.NewPCG(1, 2))
	const rows, every = 10_000, 10
	for i := range rows {
		text := fmt.Sprintf("request number %d took %02d ms, cache %s", i, i*i%100, []string{"hit", "miss"}[i%2])
		if i%every == 0 {
			noise := make([]byte, 20+rng.IntN(60)) // of no form that others have
			for j := range noise {
				noise[j] = byte(' ' + rng.IntN(94))
			}
			text = string(noise)
		}
		b.SetString(message, []byte(text))
		b.SetString(service, []byte([]string{"api", "web"}[i%2]))
		b.EndRow(time.Now().UnixNano() + int64(i))
	}
	if _, err := l.Append(context.Background(), &wire.Append{Table: "t", Batch: b, Arrival: 1}); err != nil {
		t.Fatal(err)
	}
	d, err := l.Describe(context.Background(), "t")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range d.Columns {
		sum := uint64(0)
		for _, n := range c.Encoded {
			sum += n
		}
		if sum != rows {
			t.Errorf("of column %s the encodings are of %d rows: %v", c.Name, sum, c.Encoded)
		}
		switch c.Name {
		case "service":
			if c.Encoded["dict"] != rows {
				t.Errorf("the service is stored as %v", c.Encoded)
			}
		case "message":
			t.Logf("message: %v", c.Encoded)
			if loose := c.Encoded["loose"]; loose == 0 || loose > 2*rows/every || c.Encoded["template"] != rows-loose {
				t.Errorf("the message is stored as %v, and one in %d fits no template", c.Encoded, every)
			}
		}
	}
}
