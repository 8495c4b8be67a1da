package wire

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/flight"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// tape records frames, and plays them back.
type tape struct {
	frames []*flight.FlightData
	err    error // after the last; nil: io.EOF
}

func (p *tape) Send(d *flight.FlightData) error {
	p.frames = append(p.frames, &flight.FlightData{
		AppMetadata: bytes.Clone(d.AppMetadata), DataHeader: bytes.Clone(d.DataHeader), DataBody: bytes.Clone(d.DataBody),
	})
	return nil
}

func (p *tape) Recv() (*flight.FlightData, error) {
	if len(p.frames) == 0 {
		if p.err != nil {
			return nil, p.err
		}
		return nil, io.EOF
	}
	d := p.frames[0]
	p.frames = p.frames[1:]
	return d, nil
}

// copy is a tape whose frames may be changed.
func (p *tape) copy() *tape {
	c := &tape{}
	for _, f := range p.frames {
		_ = c.Send(f)
	}
	return c
}

var everyType = []storage.Type{
	storage.TypeNull, storage.TypeBool, storage.TypeInt64, storage.TypeFloat64, storage.TypeTime, storage.TypeString, storage.TypeList,
}

var oddFloats = []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324, math.Float64frombits(0x7ff8000000000123)}

// randomValue is a value of a type; odd ones are frequent.
func randomValue(rnd *rand.Rand, t storage.Type, textMax int) storage.Value {
	text := func() string {
		if rnd.IntN(4) == 0 {
			return ""
		}
		b := make([]byte, 1+rnd.IntN(textMax))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return string(b)
	}
	switch t {
	case storage.TypeBool:
		return storage.Bool(rnd.IntN(2) == 0)
	case storage.TypeFloat64:
		if rnd.IntN(3) == 0 {
			return storage.Float(oddFloats[rnd.IntN(len(oddFloats))])
		}
		return storage.Float(rnd.NormFloat64())
	case storage.TypeString:
		return storage.String(text())
	case storage.TypeList:
		list := make([]string, rnd.IntN(4))
		for i := range list {
			list[i] = text()
		}
		return storage.List(list)
	case storage.TypeNull:
		return storage.Value{}
	}
	return storage.Value{Type: t, Int: int64(rnd.Uint64())}
}

// randomVec is a column with a share of nulls.
func randomVec(rnd *rand.Rand, t storage.Type, n, textMax int, nulls float64) *query.Vec {
	v := query.NewVec(t)
	for range n {
		if rnd.Float64() < nulls {
			v.Append(storage.Value{})
		} else {
			v.Append(randomValue(rnd, t, textMax))
		}
	}
	return v
}

// sameValue compares to the bit; a list of none equals nil.
func sameValue(a, b storage.Value) bool {
	if a.Type != b.Type || a.Int != b.Int || math.Float64bits(a.Float) != math.Float64bits(b.Float) || a.Str != b.Str || len(a.List) != len(b.List) {
		return false
	}
	for i := range a.List {
		if a.List[i] != b.List[i] {
			return false
		}
	}
	return true
}

func sameVec(t *testing.T, what string, got, want *query.Vec) {
	t.Helper()
	if got.Type != want.Type || got.Len() != want.Len() {
		t.Fatalf("%s: %d values of %v, want %d of %v", what, got.Len(), got.Type, want.Len(), want.Type)
	}
	for i := range want.Len() {
		if g, w := got.Value(i), want.Value(i); !sameValue(g, w) {
			t.Fatalf("%s: value %d is %+v, want %+v", what, i, g, w)
		}
	}
}

// rowsPlan is a plan whose answer is rows of columns of these types.
func rowsPlan(types ...storage.Type) *query.Plan {
	plan := &query.Plan{}
	for i, t := range types {
		plan.Outputs = append(plan.Outputs, query.Output{Name: fmt.Sprint(i), Type: t})
	}
	return plan
}

// rowsTape is the frames of rows.
func rowsTape(t testing.TB, vecs ...*query.Vec) *tape {
	t.Helper()
	var out tape
	if err := sendPartial(&sender{to: &out}, &query.Partial{Rows: vecs}, false); err != nil {
		t.Fatal(err)
	}
	return &out
}

// Every type comes back to the bit: nulls, NaN, empty lists, any bytes; in one
// record and cut into many, at any row.
func TestRowsRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	f := func(n, textMax int, nulls float64) {
		t.Helper()
		var vecs []*query.Vec
		for _, typ := range everyType {
			vecs = append(vecs, randomVec(rnd, typ, n, textMax, nulls))
		}
		out := rowsTape(t, vecs...)
		frames := len(out.frames)
		p, err := receivePartial(&receiver{from: out}, rowsPlan(everyType...), 1<<30)
		if err != nil {
			t.Fatalf("%d rows of up to %d bytes: %v", n, textMax, err)
		}
		for i, v := range vecs {
			sameVec(t, fmt.Sprintf("%d rows in %d frames, column of %v", n, frames, v.Type), p.Rows[i], v)
		}
	}
	for n := range 140 {
		f(n, 20, 0.3)
	}
	f(1_000, 20, 0)
	f(1_000, 20, 1)
	f(70_000, 30, 0.01) // cut at words
	f(200, 200_000, 0.1)
	f(40, 900_000, 0.5) // cut at single rows
	f(3, 3<<20, 0)      // a row larger than a record should be
}

// A null bitmap shorter than the column, and one that reaches beyond it.
func TestOddBitmaps(t *testing.T) {
	v := randomVec(rand.New(rand.NewPCG(1, 1)), storage.TypeInt64, 200, 1, 0)
	v.Nulls = []uint64{1 << 63, 1}
	w := randomVec(rand.New(rand.NewPCG(2, 1)), storage.TypeInt64, 200, 1, 0)
	w.Nulls = []uint64{0, 0, 0, ^uint64(0), ^uint64(0)}
	p, err := receivePartial(&receiver{from: rowsTape(t, v, w)}, rowsPlan(storage.TypeInt64, storage.TypeInt64), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	sameVec(t, "short", p.Rows[0], v)
	sameVec(t, "long", p.Rows[1], w)
}

func TestCut(t *testing.T) {
	f := func(c column, want string) {
		t.Helper()
		var got []string
		for from := 0; from < c.n; {
			to := cut([]column{c}, from, c.n)
			got = append(got, fmt.Sprint(to-from))
			from = to
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("cut into %s, want %s", s, want)
		}
	}
	f(column{typ: storage.TypeInt64, n: 200_000}, "131072 68928")
	f(column{typ: storage.TypeNull, n: 300_000}, "131072 131072 37856")
	f(column{typ: storage.TypeString, n: 3, strs: []string{strings.Repeat("x", 5<<20), "", "y"}}, "1 2")
	f(column{typ: storage.TypeString, n: 2, strs: []string{"", strings.Repeat("x", 5<<20)}}, "1 1")
}

// arrowTypes is Arrow's name of each of ours, as record.go has them.
func arrowSchema() *arrow.Schema {
	types := []arrow.DataType{
		arrow.Null, arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64,
		arrow.FixedWidthTypes.Timestamp_ns, arrow.BinaryTypes.Binary, arrow.ListOf(arrow.BinaryTypes.Binary), arrow.PrimitiveTypes.Uint32,
	}
	var fields []arrow.Field
	for i, typ := range types {
		fields = append(fields, arrow.Field{Name: fmt.Sprint(i), Type: typ, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// payloads keeps the messages of Arrow's writer, and plays them to its reader.
type payloads struct{ headers, bodies [][]byte }

func (p *payloads) Start() error { return nil }
func (p *payloads) Close() error { return nil }
func (p *payloads) Retain()      {}
func (p *payloads) Release()     {}
func (p *payloads) WritePayload(load ipc.Payload) error {
	meta := load.Meta()
	defer meta.Release()
	var body bytes.Buffer
	if err := load.SerializeBody(&body); err != nil {
		return err
	}
	p.headers, p.bodies = append(p.headers, bytes.Clone(meta.Bytes())), append(p.bodies, body.Bytes())
	return nil
}

func (p *payloads) Message() (*ipc.Message, error) {
	if len(p.headers) == 0 {
		return nil, io.EOF
	}
	m := ipc.NewMessage(memory.NewBufferBytes(p.headers[0]), memory.NewBufferBytes(p.bodies[0]))
	p.headers, p.bodies = p.headers[1:], p.bodies[1:]
	return m, nil
}

// What we write is what Arrow reads, and what Arrow writes we read.
func TestRecordsAreArrow(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	const n = 150
	types := append(append([]storage.Type(nil), everyType...), typeRows)
	var vecs []*query.Vec
	var cols []column
	for _, typ := range everyType {
		v := randomVec(rnd, typ, n, 12, 0.2)
		vecs = append(vecs, v)
		cols = append(cols, columnOfVec(v))
	}
	rows := make([]uint32, n)
	for i := range rows {
		rows[i] = uint32(3 * i)
	}
	cols = append(cols, column{typ: typeRows, n: n, rows: rows})

	var w recordWriter
	header, body, err := w.write(cols, 0, n)
	if err != nil {
		t.Fatal(err)
	}
	var theirs payloads
	schemaWriter := ipc.NewWriterWithPayloadWriter(&theirs, ipc.WithSchema(arrowSchema()))
	if err := schemaWriter.Close(); err != nil {
		t.Fatal(err)
	}
	theirs.headers, theirs.bodies = append(theirs.headers, header), append(theirs.bodies, body)
	r, err := ipc.NewReaderFromMessageReader(&theirs)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if !r.Next() {
		t.Fatalf("Arrow does not read our record: %v", r.Err())
	}
	record := r.Record()
	record.Retain()
	defer record.Release()
	for i := range n {
		for j, v := range vecs {
			if got := arrowValue(record.Column(j), i, v.Type); !sameValue(got, v.Value(i)) {
				t.Fatalf("Arrow reads %+v in row %d of %v, we wrote %+v", got, i, v.Type, v.Value(i))
			}
		}
		if got := record.Column(7).(*array.Uint32).Value(i); got != rows[i] {
			t.Fatalf("Arrow reads row number %d, we wrote %d", got, rows[i])
		}
	}

	var again payloads
	writer := ipc.NewWriterWithPayloadWriter(&again, ipc.WithSchema(arrowSchema()))
	if err := writer.Write(record); err != nil {
		t.Fatal(err)
	}
	p := recordParser{types: types}
	views, got, err := p.parse(again.headers[1], again.bodies[1])
	if err != nil || got != n {
		t.Fatalf("we do not read Arrow's record: %d rows, %v", got, err)
	}
	for j, want := range vecs {
		v := query.NewVec(want.Type)
		views[j].appendToVec(v)
		sameVec(t, "from Arrow", v, want)
	}
}

// arrowValue is a value of one of Arrow's columns.
func arrowValue(col arrow.Array, i int, t storage.Type) storage.Value {
	if t == storage.TypeNull || col.IsNull(i) {
		return storage.Value{}
	}
	switch t {
	case storage.TypeBool:
		return storage.Bool(col.(*array.Boolean).Value(i))
	case storage.TypeInt64:
		return storage.Int(col.(*array.Int64).Value(i))
	case storage.TypeFloat64:
		return storage.Float(col.(*array.Float64).Value(i))
	case storage.TypeTime:
		return storage.Time(int64(col.(*array.Timestamp).Value(i)))
	case storage.TypeString:
		return storage.String(string(col.(*array.Binary).Value(i)))
	}
	lists := col.(*array.List)
	from, to := lists.ValueOffsets(i)
	list := []string{}
	for j := from; j < to; j++ {
		list = append(list, string(lists.ListValues().(*array.Binary).Value(int(j))))
	}
	return storage.List(list)
}

// nowhere drops frames.
type nowhere struct{}

func (nowhere) Send(*flight.FlightData) error { return nil }
