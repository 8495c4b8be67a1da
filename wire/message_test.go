package wire

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

func sampleQuery() *query.Query {
	return &query.Query{
		SQL: "SELECT 'ä\xff' FROM t", Now: math.MinInt64, Zone: "Europe/Berlin", DataFrom: -1, DataTo: math.MaxInt64,
		Schema: query.Schema{"a": storage.TypeSet(0).With(storage.TypeList).With(storage.TypeBool), "": 0, "b\x00": schemaTypes},
		Shards: []uint64{0, 1<<64 - 1},
	}
}

func sampleUpdate(tables int) *Update {
	u := &Update{Leaf: "leaf-1", ID: "id", Shard: 1 << 63, Born: -5, Epoch: 9, Seq: 1<<64 - 1, Full: true}
	for i := range tables {
		t := TableUpdate{
			TableChange: storage.TableChange{
				Table: "t", Incarnation: uint64(i), Dropped: i%2 == 0, Added: 1 << 50, Seq: 8, Full: true,
				Horizon: math.MaxInt64, Newest: math.MinInt64,
			},
			Schema:   query.Schema{"a": 2},
			Settings: storage.Settings{Version: 5, RetentionAge: time.Hour, RetentionBytes: -1, Durability: "disk", ThinAfter: 1, ThinKeep: 2, QuotaRows: 3, QuotaBytes: 4, Replicas: 5},
			Rows:     1, Bytes: 2,
		}
		for _, w := range storage.TimeWidths() {
			t.Buckets = append(t.Buckets, storage.TimeCount{From: -w, Width: w, Rows: uint64(w)}, storage.TimeCount{From: 2 * w, Width: w})
		}
		u.Tables = append(u.Tables, t)
	}
	return u
}

func TestMessagesRoundTrip(t *testing.T) {
	for _, want := range []*query.Query{{}, sampleQuery(), {Shards: []uint64{}}, {IsEarlier: true}, {InRange: math.MaxUint64, Shards: []uint64{7}}, {Tail: query.Tail{ID: "x", Round: 1 << 40}, InRange: 3}} {
		got, left, err := decodeQuery(appendQuery(nil, want, 7*time.Second))
		if err != nil || left != 7*time.Second || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, %v; want %+v", got, left, err, want)
		}
	}
	for _, want := range []*Update{{}, sampleUpdate(1), sampleUpdate(3)} {
		got, err := DecodeUpdate(AppendUpdate(nil, want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
}

// A later version adds fields at the end: they are skipped. Less than all is an
// error, at every length.
func TestMessagesOfOtherLengths(t *testing.T) {
	f := func(what string, whole []byte, decode func([]byte) error) {
		t.Helper()
		if err := decode(append(append([]byte(nil), whole...), 1, 2, 3)); err != nil {
			t.Errorf("%s with more at the end: %v", what, err)
		}
		for n := range whole {
			if decode(whole[:n]) == nil {
				t.Errorf("%s: %d of %d bytes were taken", what, n, len(whole))
			}
		}
	}
	f("query", appendQuery(nil, sampleQuery(), 0), func(b []byte) error { _, _, err := decodeQuery(b); return err })
	f("update", AppendUpdate(nil, sampleUpdate(2)), func(b []byte) error { _, err := DecodeUpdate(b); return err })
}

func TestSeal(t *testing.T) {
	msg := endSeal(append(beginSeal(nil, kindQuery, 0), "payload"...), []byte("header"), []byte("body"))
	k, payload, err := openSeal(msg, []byte("header"), []byte("body"), 0)
	if err != nil || k != kindQuery || string(payload) != "payload" {
		t.Fatalf("%v %q %v", k, payload, err)
	}
	for i := range msg {
		for bit := range 8 {
			bad := append([]byte(nil), msg...)
			bad[i] ^= 1 << bit
			if _, _, err := openSeal(bad, []byte("header"), []byte("body"), 0); err == nil {
				t.Fatalf("bit %d of byte %d is not covered", bit, i)
			}
		}
	}
	for _, parts := range [][2]string{{"heade", "rbody"}, {"Header", "body"}, {"header", "Body"}, {"header", ""}, {"", "body"}} {
		if _, _, err := openSeal(msg, []byte(parts[0]), []byte(parts[1]), 0); err == nil {
			t.Errorf("header %q and body %q were taken", parts[0], parts[1])
		}
	}
	if _, _, err := openSeal(msg, []byte("header"), []byte("body"), 1); err == nil {
		t.Error("a frame was taken out of its place")
	}
	if _, err := openSealAs(kindAction, endSeal(beginSeal(nil, kindQuery, 0), nil, nil)); err == nil {
		t.Error("a message of another kind was taken")
	}
}

func FuzzQuery(f *testing.F) {
	f.Add(appendQuery(nil, sampleQuery(), time.Second))
	f.Fuzz(func(t *testing.T, src []byte) {
		q, left, err := decodeQuery(src)
		if err != nil {
			return
		}
		again, left2, err := decodeQuery(appendQuery(nil, q, left))
		if err != nil || left2 != left || !reflect.DeepEqual(again, q) {
			t.Fatalf("%+v came back as %+v, %v", q, again, err)
		}
	})
}

func FuzzUpdate(f *testing.F) {
	f.Add(AppendUpdate(nil, sampleUpdate(2)))
	f.Fuzz(func(t *testing.T, src []byte) {
		u, err := DecodeUpdate(src)
		if err != nil {
			return
		}
		again, err := DecodeUpdate(AppendUpdate(nil, u))
		if err != nil || !reflect.DeepEqual(again, u) {
			t.Fatalf("%+v came back as %+v, %v", u, again, err)
		}
	})
}

// Random bytes decode to an error or to little.
func TestMessageLies(t *testing.T) {
	rnd := rand.New(rand.NewPCG(8, 8))
	query, update := appendQuery(nil, sampleQuery(), 0), AppendUpdate(nil, sampleUpdate(3))
	for range 50_000 {
		for _, whole := range [][]byte{query, update} {
			bad := append([]byte(nil), whole...)
			for range 1 + rnd.IntN(3) {
				bad[rnd.IntN(len(bad))] = byte(rnd.Uint32())
			}
			_, _, _ = decodeQuery(bad)
			_, _ = DecodeUpdate(bad)
		}
	}
}

// TestErrorsForPeople: what gRPC and package context say is not passed on; what
// the system says of an address is.
func TestErrorsForPeople(t *testing.T) {
	f := func(err error, cause error, want string) {
		t.Helper()
		got := errorFrom(context.Background(), err, nil)
		if got.Error() != want || cause != nil && !errors.Is(got, cause) {
			t.Errorf("%v became %q, want %q", err, got, want)
		}
	}
	f(status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:8411: connect: connection refused"`), nil,
		"the connection broke at 127.0.0.1:8411: connect: connection refused")
	f(status.Error(codes.Unavailable, "error reading from server: EOF"), nil, "the connection broke")
	f(status.Error(codes.DeadlineExceeded, "context deadline exceeded"), context.DeadlineExceeded, "the leaf did not answer in time")
	late, cancel := context.WithTimeout(context.Background(), -1)
	defer cancel()
	if got := errorFrom(late, io.EOF, nil); got.Error() != "the leaf did not answer in time" || !errors.Is(got, context.DeadlineExceeded) {
		t.Errorf("after the deadline: %v", got)
	}
}
