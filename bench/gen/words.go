package gen

import "fmt"

// The values of the columns with few of them. Weights are relative; where there
// are none, a Zipf law with exponent 1 holds.

type weighted struct {
	value  string
	weight float64
}

func services() []weighted {
	return []weighted{
		{"api", 30}, {"web", 22}, {"search", 12}, {"cart", 8}, {"auth", 7}, {"catalog", 6},
		{"checkout", 5}, {"payment", 4}, {"inventory", 3}, {"shipping", 1.5}, {"email", 1}, {"recommend", 0.5},
	}
}

func methods() []weighted {
	return []weighted{{"GET", 72}, {"POST", 20}, {"PUT", 4}, {"DELETE", 3}, {"PATCH", 1}}
}

// statuses are numbers; their 5xx weigh 2 of 100.
func statuses() []weighted {
	return []weighted{
		{"200", 86}, {"201", 4}, {"304", 4}, {"404", 2.5}, {"400", 1.5},
		{"500", 1.1}, {"503", 0.6}, {"502", 0.3},
	}
}

func regions() []weighted {
	return []weighted{
		{"us-east-1", 34}, {"eu-west-1", 26}, {"us-west-2", 16},
		{"ap-south-1", 11}, {"eu-central-1", 9}, {"sa-east-1", 4},
	}
}

func countries() []weighted {
	codes := []string{
		"US", "DE", "IN", "GB", "FR", "BR", "JP", "CA", "IT", "ES", "MX", "NL", "AU", "PL", "KR", "SE", "TR", "ID", "CH", "BE",
		"AT", "NO", "DK", "FI", "IE", "PT", "CZ", "GR", "RO", "HU", "IL", "ZA", "AR", "CL", "CO", "PE", "VN", "TH", "MY", "SG",
		"PH", "NZ", "AE", "SA", "EG", "NG", "KE", "MA", "UA", "BG", "HR", "RS", "SK", "SI", "LT", "LV", "EE", "IS", "LU", "MT",
	}
	return zipf(codes)
}

func endpoints() []weighted {
	things := []string{
		"orders", "items", "users", "carts", "payments", "reviews", "search", "sessions", "products", "offers",
		"stock", "prices", "images", "addresses", "invoices", "refunds", "vouchers", "wishlists", "returns", "reports",
	}
	actions := []string{"", "/:id", "/:id/details", "/list", "/:id/history", "/recent", "/:id/status", "/export", "/validate", "/:id/comments"}
	names := make([]string, 0, endpointsCount)
	for _, a := range actions {
		for _, t := range things {
			names = append(names, "/api/v2/store/"+t+a)
		}
	}
	return zipf(names)
}

func hosts() []string {
	names := make([]string, hostsCount)
	for i := range names {
		names[i] = fmt.Sprintf("host-%03d.prod.internal", i)
	}
	return names
}

func tagNames() []string {
	return []string{
		"beta", "canary", "mobile", "desktop", "tablet", "bot", "internal", "retry", "cached", "slow",
		"premium", "trial", "ios", "android", "http2", "http3", "ipv6", "cold", "warm", "batch",
		"realtime", "exp-a", "exp-b", "exp-c", "gdpr", "vpn", "proxy", "guest", "partner", "legacy",
	}
}

func errorMessages() []string {
	causes := []string{
		"connection refused", "connection reset by peer", "upstream timeout", "deadline exceeded",
		"no such host", "tls handshake failure", "too many open files", "broken pipe",
	}
	whos := []string{"postgres", "redis", "kafka", "payment-gateway", "search-index"}
	var all []string
	for _, w := range whos {
		for _, c := range causes {
			all = append(all, w+": "+c)
		}
	}
	return all
}

func zipf(names []string) []weighted {
	out := make([]weighted, len(names))
	for i, n := range names {
		out[i] = weighted{n, 1 / float64(i+1)}
	}
	return out
}

// A part of a message's template: text, then a variable.
type part struct {
	text     string
	variable variable
}

type variable uint8

const (
	varNone variable = iota
	varUser
	varDuration
	varEndpoint
	varHost
	varBytes
	varSmall   // 0 to 99
	varOrder   // 8 digits
	varAddress // an IPv4 address
	varHex     // 12 hex digits
)

func templates() [][]part {
	return [][]part{
		{{"request to ", varEndpoint}, {" for ", varUser}, {" took ", varDuration}, {" ms, ", varBytes}, {" bytes", varNone}},
		{{"cache hit for key session:", varHex}, {" on shard ", varSmall}, {" for ", varUser}, {" in ", varDuration}, {" ms", varNone}},
		{{"cache miss for key product:", varHex}, {" on shard ", varSmall}, {", loading from primary, attempt ", varSmall}, {" of 99", varNone}},
		{{"accepted connection from ", varAddress}, {" port 4", varSmall}, {", tls handshake took ", varDuration}, {" ms", varNone}},
		{{"order ", varOrder}, {" placed by ", varUser}, {" with ", varSmall}, {" items, total of ", varBytes}, {" cents", varNone}},
		{{"order ", varOrder}, {" moved to state shipped, parcel ", varHex}, {" handed over at dock ", varSmall}, {"", varNone}},
		{{"query on replica ", varSmall}, {" returned ", varBytes}, {" rows in ", varDuration}, {" ms, plan ", varHex}, {"", varNone}},
		{{"user ", varUser}, {" logged in from ", varAddress}, {" using password and one-time code, session ", varHex}, {"", varNone}},
		{{"worker ", varSmall}, {" picked job ", varHex}, {" from queue mail, ", varSmall}, {" jobs waiting, oldest is ", varDuration}, {" ms old", varNone}},
		{{"timeout after ", varDuration}, {" ms while calling ", varEndpoint}, {" on ", varHost}, {", will retry in ", varSmall}, {" ms", varNone}},
		{{"rate limit for ", varAddress}, {" is at ", varSmall}, {"% of quota, ", varBytes}, {" requests left in this window", varNone}},
		{{"payment ", varHex}, {" authorised for order ", varOrder}, {" by provider ", varSmall}, {" after ", varDuration}, {" ms", varNone}},
		{{"upstream ", varHost}, {" answered slowly: read timeout set to ", varSmall}, {" s, body of ", varBytes}, {" bytes, trying next", varNone}},
		{{"rendered page ", varEndpoint}, {" with ", varSmall}, {" fragments for ", varUser}, {", template compiled in ", varDuration}, {" ms", varNone}},
	}
}

// templateWeights favour the plain ones; the two with a timeout weigh 3 of 100.
func templateWeights() []float64 {
	return []float64{34, 10, 5, 7, 6, 4, 8, 5, 5, 2, 3, 4, 1, 6}
}
