package shop

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// Versions of the service payment before and after the roll-out. The other
// services stay at versions of their own.
const (
	VersionBefore = "4.2.0"
	VersionAfter  = "4.2.1"

	// Culprit and Where are what has to be found.
	Culprit = "payment"
	Where   = "eu"

	// rollOut is how long the roll-out takes from the first host to the last.
	rollOut = 20 * time.Second

	hostsPerService = 6
	usersCount      = 20_000
	slowdown        = 6    // of requests to a host with the new version
	failing         = 0.34 // share of them that fail
	retries         = 0.6  // requests more per request to the failing service
	echo            = 0.25 // share of the callers' requests in Where that meet it
)

// Shop makes events.
type Shop struct {
	random *rand.Rand
	outage time.Time // zero: none

	services []service
	weights  []float64 // of services
}

// New returns a shop whose roll-out begins at outage; the zero time is never.
func New(seed uint64, outage time.Time) *Shop {
	s := &Shop{random: rand.New(rand.NewPCG(seed, 0x6b656c70)), outage: outage, services: services()}
	for _, one := range s.services {
		s.weights = append(s.weights, one.weight)
	}
	return s
}

// Event is one request that the shop served.
type Event struct {
	Time       time.Time
	Service    string
	Endpoint   string
	Method     string
	Status     int
	Ms         float64
	Version    string
	Region     string
	Host       string
	UserID     string
	Country    string
	Device     string
	Bytes      int
	CartValue  float64 // of checkout and payment; else 0: no column
	Error      string  // "" is null
	Message    string
	Tags       []string
	TraceID    string
	SampleRate int
}

// service is one program of the shop.
type service struct {
	name     string
	weight   float64
	medianMs float64
	version  string
	calls    bool // calls the culprit
	paths    []string
	method   string
	bytes    float64
	text     string // of its messages, before the path
}

func services() []service {
	return []service{
		{"web", 30, 24, "7.11.3", false, []string{"/", "/product/:id", "/category/:id", "/help"}, "GET", 18_000, "page served"},
		{"api", 26, 18, "5.0.9", true, []string{"/v2/me", "/v2/orders", "/v2/products/:id", "/v2/pay"}, "GET", 2_400, "call served"},
		{"search", 12, 42, "2.30.1", false, []string{"/search", "/suggest"}, "GET", 6_100, "query answered"},
		{"cart", 8, 9, "3.4.0", false, []string{"/cart", "/cart/items"}, "POST", 900, "cart changed"},
		{"auth", 7, 15, "1.19.2", false, []string{"/login", "/token"}, "POST", 700, "token issued"},
		{"inventory", 6, 7, "2.2.8", false, []string{"/stock/:id", "/reserve"}, "GET", 400, "stock read"},
		{Culprit, 4, 65, VersionBefore, false, []string{"/pay", "/refund"}, "POST", 600, "payment authorised"},
		{"checkout", 4, 90, "6.1.0", true, []string{"/checkout", "/checkout/confirm"}, "POST", 1_500, "order placed"},
		{"shipping", 2, 30, "1.8.4", false, []string{"/quote", "/label"}, "GET", 1_200, "quote made"},
		{"email", 1, 120, "0.9.12", false, []string{"/send"}, "POST", 300, "mail handed over"},
	}
}

func (s *Shop) region() string {
	switch p := s.random.Float64(); {
	case p < 0.46:
		return "us"
	case p < 0.82:
		return Where
	}
	return "ap"
}

func (s *Shop) country(region string) string {
	switch region {
	case "us":
		return oneOf(s.random, "US", "US", "US", "CA", "MX", "BR")
	case Where:
		return oneOf(s.random, "DE", "FR", "GB", "NL", "ES", "PL")
	}
	return oneOf(s.random, "IN", "JP", "AU", "SG")
}

func (s *Shop) tag() string {
	return oneOf(s.random, "beta", "guest", "premium", "cached", "retry", "mobile", "bot", "experiment-a", "experiment-b")
}

func device(user int) string {
	return [...]string{"ios", "android", "desktop", "tablet"}[user%4]
}

func oneOf(r *rand.Rand, values ...string) string { return values[r.IntN(len(values))] }

// pick returns an index with the probability of its weight.
func (s *Shop) pick(weights []float64) int {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	at := s.random.Float64() * total
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// busy is how many requests there are at t, about 1: more in the evening, with
// ripples of minutes.
func busy(t time.Time) float64 {
	day := float64(t.Unix()%86_400) / 86_400
	return 1 + 0.25*math.Sin(2*math.Pi*(day-0.5)) + 0.04*math.Sin(float64(t.Unix())/47)
}

// Between appends the events from a moment to the next, spread evenly: rate a
// second in an average second, a little more or less by the time of day. All
// stand for sampleRate events each; rate counts what they stand for.
func (s *Shop) Between(dst []Event, from, to time.Time, rate float64, sampleRate int) []Event {
	expected := rate / float64(sampleRate) * busy(from) * to.Sub(from).Seconds()
	count := int(expected)
	if s.random.Float64() < expected-float64(count) {
		count++
	}
	for i := range count {
		at := from.Add(time.Duration(float64(to.Sub(from)) * (float64(i) + s.random.Float64()) / float64(count)))
		e := s.event(at, sampleRate)
		dst = append(dst, e)
		if e.Version == VersionAfter && s.random.Float64() < retries {
			again := s.eventOf(at, s.culprit(), Where, sampleRate)
			again.UserID = e.UserID
			again.Tags = append(again.Tags[:len(again.Tags):len(again.Tags)], "retry")
			dst = append(dst, again)
		}
	}
	return dst
}

func (s *Shop) culprit() *service {
	for i := range s.services {
		if s.services[i].name == Culprit {
			return &s.services[i]
		}
	}
	panic("BUG: the culprit is no service")
}

func (s *Shop) event(at time.Time, sampleRate int) Event {
	return s.eventOf(at, &s.services[s.pick(s.weights)], s.region(), sampleRate)
}

// eventOf makes an event of a service in a region.
func (s *Shop) eventOf(at time.Time, from *service, region string, sampleRate int) Event {
	r := s.random
	host := r.IntN(hostsPerService)
	user := int(math.Pow(r.Float64(), 2) * usersCount)
	e := Event{
		Time: at, Service: from.name, Region: region, Method: from.method, Version: from.version,
		Endpoint: from.paths[int(math.Pow(r.Float64(), 2)*float64(len(from.paths)))],
		Host:     from.name + "-" + region + "-" + strconv.Itoa(host+1),
		UserID:   "user-" + strconv.Itoa(100_000 + user)[1:],
		Country:  s.country(region), Device: device(user),
		Ms:         from.medianMs * math.Exp(r.NormFloat64()*0.6),
		Bytes:      int(from.bytes * math.Exp(r.NormFloat64()*0.5)),
		TraceID:    hex(r.Uint64()) + hex(r.Uint64()),
		SampleRate: sampleRate,
	}
	for range r.IntN(3) {
		e.Tags = append(e.Tags, s.tag())
	}
	if from.name == "checkout" || from.name == Culprit {
		e.CartValue = math.Round(4500*math.Exp(r.NormFloat64()*0.8)) / 100
	}
	s.everyday(&e)
	if rolled := s.rolled(at); rolled > 0 && region == Where {
		switch {
		case from.name == Culprit && float64(host) < rolled*hostsPerService:
			s.hit(&e)
		case from.calls && r.Float64() < echo*rolled:
			s.caller(&e)
		}
	}
	e.Ms = math.Round(e.Ms*100) / 100
	if e.Message == "" {
		e.Message = from.text + " " + e.Endpoint + " for " + e.UserID + " in " + strconv.FormatFloat(e.Ms, 'f', 1, 64) + " ms"
	}
	return e
}

// rolled is how far the roll-out is, 0 to 1. The first host changes at once.
func (s *Shop) rolled(at time.Time) float64 {
	if s.outage.IsZero() || at.Before(s.outage) {
		return 0
	}
	done := float64(at.Sub(s.outage)) / float64(rollOut)
	return min(max(done, 1.0/hostsPerService), 1)
}

// everyday gives a status, and the few errors that happen on any day.
func (s *Shop) everyday(e *Event) {
	switch p := s.random.Float64(); {
	case p < 0.002:
		e.Status, e.Error = 500, "internal error"
		e.Message = "unhandled error in " + e.Endpoint + ": nil reference"
	case p < 0.004:
		e.Status, e.Error = 503, "upstream busy"
		e.Message = "upstream busy, gave up on " + e.Endpoint + " after 3 tries"
	case p < 0.024:
		e.Status = 404
		e.Message = "not found: " + e.Endpoint
	case p < 0.032:
		e.Status = 401
	case p < 0.09 && e.Method == "GET":
		e.Status = 304
	case e.Method == "POST" && p < 0.3:
		e.Status = 201
	default:
		e.Status = 200
	}
}

// hit makes an event one of the new version.
func (s *Shop) hit(e *Event) {
	e.Version = VersionAfter
	e.Ms *= slowdown
	if s.random.Float64() < failing {
		e.Status, e.Error = 504, "timeout"
		e.Ms += 2_000
		e.Message = "timeout after " + strconv.Itoa(int(e.Ms)) + " ms waiting for a connection of pool card-gateway"
	}
}

// caller makes an event one that waited for the failing service.
func (s *Shop) caller(e *Event) {
	e.Ms += 400 * math.Exp(s.random.NormFloat64()*0.5)
	if s.random.Float64() < failing {
		e.Status, e.Error = 502, "upstream failed"
		e.Message = "upstream " + Culprit + " in " + Where + " failed: timeout"
	}
}
