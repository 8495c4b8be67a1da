package gen

import "math"

// random is a SplitMix64 stream (Steele, Lea, Flood 2014): one per row, so rows
// do not depend on each other.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

// mix is SplitMix64's finaliser. It is a bijection of 64-bit words, which is
// what makes trace ids unique.
func mix(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// below maps 32 random bits to [0, n).
func below(bits uint32, n int) int { return int(uint64(bits) * uint64(n) >> 32) }

// slots spreads weights over 65,536 slots: 16 random bits pick a value.
func slots(weights []float64) *[1 << 16]uint8 {
	var table [1 << 16]uint8
	total := 0.0
	for _, w := range weights {
		total += w
	}
	sum, from := 0.0, 0
	for i, w := range weights {
		sum += w
		to := int(math.Round(sum / total * float64(len(table))))
		for ; from < to; from++ {
			table[from] = uint8(i)
		}
	}
	return &table
}

func split(ws []weighted) (names []string, weights []float64) {
	for _, w := range ws {
		names = append(names, w.value)
		weights = append(weights, w.weight)
	}
	return names, weights
}

// lognormal is the quantile function of exp(N(0, sigma)) at 65,536 points: 16
// random bits pick one and 16 more go half way to the next, so values are fine
// grained and the tail ends at 4.2 sigma.
type lognormal [1<<16 + 1]float64

func newLognormal(sigma float64) *lognormal {
	var t lognormal
	for i := range t {
		p := (float64(i) + 0.5) / float64(len(t))
		t[i] = math.Exp(sigma * math.Sqrt2 * math.Erfinv(2*p-1))
	}
	return &t
}

func (t *lognormal) at(bits uint32) float64 {
	i, f := bits>>16, float64(bits&0xffff)/(1<<16)
	return t[i] + (t[i+1]-t[i])*f
}

// permute is a bijection of [0, usersCount): three rounds of a 20-bit mixer,
// walked until the result is in range.
func permute(x, seed uint32) uint32 {
	const mask = 1<<userBits - 1
	for {
		for k := range uint32(3) {
			x ^= (seed >> (k * 4)) & mask
			x = x * 0x2c1b3c6d & mask
			x ^= x >> 9
			x = x * 0x297a2d39 & mask
			x ^= x >> 11
		}
		if x < usersCount {
			return x
		}
	}
}
