// Package gen makes kelp's reference workload: wide web-service events, 16
// columns and about 428 bytes each as NDJSON, 10 million of them over 24 hours
// unless told otherwise.
//
// Every row is a pure function of (Config, index). Goroutines may each make
// their own range of indexes, a test's oracle may ask for one row again, and
// all see the same bytes. A Generator is immutable after New and may be shared.
//
// The columns:
//
//	time         milliseconds since 1970, rising, with 20 ms of jitter
//	service      12, skewed              endpoint   200, Zipf
//	method       5, skewed               status     8, skewed, 2% are 5xx
//	region       6                       host       500, `host-017.prod.internal`
//	country      60, Zipf                user_id    1,000,000, `user-000123`
//	trace_id     32 hex digits, unique   duration_ms  lognormal, 3 decimals
//	bytes        lognormal integer       error      null in 97%, 40 messages
//	tags         0 to 4 of 30            sample_rate  1, rarely 10 or 100
//	message      about 80 characters, from templates with variables
//
// Half of the rows walk through all users in a fixed permutation, so that the
// first two million rows hold every user; the other half prefers a few.
package gen
