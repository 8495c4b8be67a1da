package gen

import (
	"strconv"
	"time"
)

// Sizes of the reference workload.
const (
	// RowsDefault and SpanDefault are the workload that figures refer to.
	RowsDefault = 10_000_000
	SpanDefault = 24 * time.Hour

	endpointsCount = 200
	hostsCount     = 500
	usersCount     = 1_000_000
	userBits       = 20 // 2^20 is the first power of two above usersCount
	tagsMax        = 4
	jitterMs       = 20

	durationMedianUs = 18_000
	durationSigma    = 1.1
	bytesMedian      = 2_200
	bytesSigma       = 1.3
)

// Config says which workload. The zero value of each field is a default.
type Config struct {
	Seed uint64
	Rows int64         // rows the span is spread over; 0 is RowsDefault
	Span time.Duration // 0 is SpanDefault
	End  time.Time     // just after the last row; zero is now, to the second
}

// Generator makes rows. It is safe for concurrent use.
type Generator struct {
	cfg     Config
	startMs int64
	spanMs  int64
	key     uint64 // mixed seed

	services, endpoints, methods, regions, countries, hosts, tags, errors []string

	statuses                                                                   []int64
	serviceAt, endpointAt, methodAt, statusAt, regionAt, countryAt, templateAt *[1 << 16]uint8

	templates [][]part
	slowness  [endpointsCount]float64
	duration  *lognormal
	bytes     *lognormal
}

// New prepares the tables of a workload: about 2 MB and a few milliseconds.
func New(cfg Config) *Generator {
	if cfg.Rows <= 0 {
		cfg.Rows = RowsDefault
	}
	if cfg.Span <= 0 {
		cfg.Span = SpanDefault
	}
	if cfg.End.IsZero() {
		cfg.End = time.Now().Truncate(time.Second)
	}
	g := &Generator{
		cfg: cfg, spanMs: cfg.Span.Milliseconds(), key: mix(cfg.Seed + 1),
		startMs: cfg.End.UnixMilli() - cfg.Span.Milliseconds(),
		hosts:   hosts(), tags: tagNames(), errors: errorMessages(),
		templates: templates(), templateAt: slots(templateWeights()),
		duration: newLognormal(durationSigma), bytes: newLognormal(bytesSigma),
	}
	for _, c := range []struct {
		from  []weighted
		names *[]string
		at    **[1 << 16]uint8
	}{
		{services(), &g.services, &g.serviceAt}, {endpoints(), &g.endpoints, &g.endpointAt},
		{methods(), &g.methods, &g.methodAt}, {regions(), &g.regions, &g.regionAt},
		{countries(), &g.countries, &g.countryAt},
	} {
		names, weights := split(c.from)
		*c.names, *c.at = names, slots(weights)
	}
	names, weights := split(statuses())
	g.statusAt = slots(weights)
	for _, n := range names {
		v, err := strconv.ParseInt(n, 10, 64)
		if err != nil {
			panic("BUG: status " + n + " is not a number")
		}
		g.statuses = append(g.statuses, v)
	}
	for i := range g.slowness {
		g.slowness[i] = 0.5 + float64(mix(uint64(i)+77)%1000)/400 // 0.5 to 3
	}
	return g
}

// Config returns the workload with its defaults filled in.
func (g *Generator) Config() Config { return g.cfg }

// Row is one event. Its strings belong to the generator's tables and live as
// long as the program; they never change.
type Row struct {
	TimeMs     int64 // since 1970
	Service    string
	Endpoint   string
	Method     string
	Status     int64
	Region     string
	Host       string
	Country    string
	User       int // `user-` and six digits: UserID
	DurationUs int64
	Bytes      int64
	Error      string // "" is null
	SampleRate int64

	traceHi, traceLo uint64
	template         []part
	variables        random
	tags             [tagsMax]string
	tagsCount        int
}

// Row makes the row at index i, from 0 to Config().Rows. It allocates nothing.
func (g *Generator) Row(i int64) Row {
	if i < 0 || i >= g.cfg.Rows {
		panic("BUG: row " + strconv.FormatInt(i, 10) + " is outside of the workload")
	}
	hash := mix(g.key + uint64(i))
	r := random(hash)
	a, b, c, d := r.next(), r.next(), r.next(), r.next()

	endpoint := g.endpointAt[uint16(a>>16)]
	row := Row{
		TimeMs:   g.timeMs(i, uint32(b>>48)),
		Service:  g.services[g.serviceAt[uint16(a)]],
		Endpoint: g.endpoints[endpoint],
		Method:   g.methods[g.methodAt[uint16(a>>32)]],
		Status:   g.statuses[g.statusAt[uint16(a>>48)]],
		Region:   g.regions[g.regionAt[uint16(b)]],
		Country:  g.countries[g.countryAt[uint16(b>>16)]],
		Host:     g.hosts[below(uint32(c), hostsCount)],
		User:     g.user(i, uint32(c>>32)),
		traceHi:  hash, traceLo: r.next(),
		SampleRate: 1,
		template:   g.templates[g.templateAt[uint16(b>>32)]],
	}
	row.DurationUs = int64(durationMedianUs * g.slowness[endpoint] * g.duration.at(uint32(d)))
	row.Bytes = int64(bytesMedian * g.bytes.at(uint32(d>>32)))

	e := r.next()
	switch n := uint16(e); {
	case n < 655: // 1%
		row.SampleRate = 100
	case n < 2_621: // 3% more
		row.SampleRate = 10
	}
	if row.Status >= 500 || uint16(e>>16) < 668 { // 2%, and 1.02% of the rest
		row.Error = g.errors[below(uint32(e>>32), len(g.errors))]
	}
	f := r.next()
	row.tagsCount = int(f % (tagsMax + 1))
	at := int(f >> 8 & 0xffff)
	for k := range row.tagsCount {
		row.tags[k] = g.tags[at%len(g.tags)]
		at += 1 + int(f>>(24+8*k)&0x3)
	}
	row.variables = r
	return row
}

func (g *Generator) timeMs(i int64, bits uint32) int64 {
	t := g.startMs + int64(float64(i)/float64(g.cfg.Rows)*float64(g.spanMs)) + int64(bits%jitterMs)
	return min(t, g.startMs+g.spanMs-1)
}

// user: even rows walk through all users, odd rows prefer the low ranks.
func (g *Generator) user(i int64, bits uint32) int {
	if i&1 == 0 {
		return int(permute(uint32(i/2%usersCount), uint32(g.key)))
	}
	u := float64(bits) / (1 << 32)
	return int(permute(uint32(u*u*usersCount), uint32(g.key>>32)))
}
