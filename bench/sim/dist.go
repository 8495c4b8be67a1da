package sim

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"time"
)

// Dist is a distribution of times by its quantiles.
type Dist struct {
	Name   string  `json:"name"`
	What   string  `json:"what"` // how it was measured
	Points []Point `json:"points"`
}

// Point says that a share of the times is at most so long.
type Point struct {
	Share float64 `json:"share"` // 0 to 1, ascending
	Ms    float64 `json:"ms"`
}

// shares are the quantiles that are kept of a measurement: finer towards the end,
// which is what counts.
func shares() (list []float64) {
	for _, tail := range []float64{1, 0.01, 0.001} {
		for i := range 99 {
			if share := 1 - tail + tail*float64(i)/100; len(list) == 0 || share > list[len(list)-1] {
				list = append(list, share)
			}
		}
	}
	return append(list, 1)
}

// distOf makes a Dist of measured times, which it sorts.
func distOf(name, what string, times []time.Duration) Dist {
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	d := Dist{Name: name, What: what}
	for _, share := range shares() {
		at := min(int(share*float64(len(times))), len(times)-1)
		d.Points = append(d.Points, Point{math.Round(share*1e6) / 1e6, math.Round(times[at].Seconds()*1e6) / 1e3})
	}
	return d
}

// check tells what makes a distribution unusable.
func (d *Dist) check() error {
	last := Point{Share: -1}
	for _, p := range d.Points {
		if p.Share <= last.Share || p.Ms < last.Ms {
			return fmt.Errorf("the distribution %s does not rise at %v", d.Name, p.Share)
		}
		last = p
	}
	if len(d.Points) < 2 || d.Points[0].Share != 0 || last.Share != 1 {
		return fmt.Errorf("the distribution %s does not go from 0 to 1", d.Name)
	}
	return nil
}

// At is the time of a share of the distribution, between its points in a straight
// line.
func (d *Dist) At(share float64) time.Duration {
	i := sort.Search(len(d.Points), func(i int) bool { return d.Points[i].Share >= share })
	if i == 0 {
		return milliseconds(d.Points[0].Ms)
	}
	a, b := d.Points[i-1], d.Points[i]
	return milliseconds(a.Ms + (b.Ms-a.Ms)*(share-a.Share)/(b.Share-a.Share))
}

// draw is a time by chance.
func (d *Dist) draw(r *rand.Rand) time.Duration { return d.At(r.Float64()) }

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

//go:embed latency.json
var measured []byte

// Measured lists the distributions that were measured, see Measure.
func Measured() ([]Dist, error) {
	var list []Dist
	if err := json.Unmarshal(measured, &list); err != nil {
		return nil, fmt.Errorf("cannot read latency.json: %w", err)
	}
	for i := range list {
		if err := list[i].check(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Slow is what is wrong with some requests, or with some machines.
type Slow struct {
	Share      float64       // of requests, or of machines
	PerMachine bool          // all requests to a slow machine are slow
	Least      time.Duration // what a slow request takes at least, instead of its time
	Tail       float64       // the exponent of Pareto's law that it follows; less is longer
}

// draw is how long a slow request takes.
func (s *Slow) draw(r *rand.Rand) time.Duration {
	times := math.Pow(1-r.Float64(), -1/s.Tail)
	return time.Duration(min(float64(s.Least)*times, float64(slowMax)))
}

// slowMax bounds a slow request: it is as good as lost.
const slowMax = time.Hour
