package query

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/kelpdb/kelp/storage"
)

func TestCompare(t *testing.T) {
	f := func(a, b storage.Value, want int) {
		t.Helper()
		if c, ok := Compare(a, b); !ok || c != want {
			t.Errorf("Compare(%v, %v) = %d, %v, want %d", a, b, c, ok, want)
		}
		if c, ok := Compare(b, a); !ok || c != -want {
			t.Errorf("Compare(%v, %v) = %d, %v, want %d", b, a, c, ok, -want)
		}
	}
	nan := storage.Float(math.NaN())
	f(storage.Int(1), storage.Int(2), -1)
	f(storage.Int(1), storage.Float(1), 0)
	f(storage.Int(1<<53+1), storage.Float(1<<53), 0) // as float64
	f(storage.Int(1<<53+1), storage.Int(1<<53), 1)
	f(nan, nan, 0)
	f(nan, storage.Float(math.Inf(1)), 1)
	f(storage.Int(math.MaxInt64), nan, -1)
	f(storage.Float(math.Copysign(0, -1)), storage.Float(0), 0)
	f(storage.Bool(false), storage.Bool(true), -1)
	f(storage.String("a"), storage.String("B"), 1) // bytes
	f(storage.String("é"), storage.String("z"), 1)
	f(storage.List([]string{"a", "b"}), storage.List([]string{"a"}), 1)
	f(storage.List([]string{"a", "b"}), storage.List([]string{"b"}), -1)
	f(storage.String("10"), storage.Int(9), 1)
	f(storage.String("1e1"), storage.Float(10), 0)
	f(storage.Time(0), storage.String("1970-01-01T00:00:00Z"), 0)
	f(storage.Bool(true), storage.String("true"), 0)

	unknown := func(a, b storage.Value) {
		t.Helper()
		if c, ok := Compare(a, b); ok {
			t.Errorf("Compare(%v, %v) = %d, want unknown", a, b, c)
		}
	}
	unknown(storage.Value{}, storage.Int(1))
	unknown(storage.Value{}, storage.Value{})
	unknown(storage.String("ten"), storage.Int(10))
	unknown(storage.String("yesterday"), storage.Time(0))
	unknown(storage.Bool(true), storage.Int(1))
	unknown(storage.Time(0), storage.Int(0))
	unknown(storage.List(nil), storage.Int(0))
}

// anyValue draws values of a type, the odd ones often.
func anyValue(typ storage.Type) *rapid.Generator[storage.Value] {
	return rapid.Custom(func(t *rapid.T) storage.Value {
		if rapid.IntRange(0, 9).Draw(t, "null") == 0 {
			return storage.Value{}
		}
		switch typ {
		case storage.TypeBool:
			return storage.Bool(rapid.Bool().Draw(t, "bool"))
		case storage.TypeFloat64:
			return storage.Float(anyFloat.Draw(t, "float"))
		case storage.TypeString:
			return storage.String(rapid.SampledFrom(testTexts[:]).Draw(t, "text"))
		case storage.TypeList:
			return storage.List(rapid.SliceOfN(rapid.SampledFrom(testTexts[:]), 0, 3).Draw(t, "list"))
		}
		return storage.Value{Type: typ, Int: rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64()).Draw(t, "int")}
	})
}

var testTexts = [...]string{"", "a", "b", "ab", "a\x00", "é", "10", "9", "a longer text than eight bytes", "a longer text than others"}

var anyFloat = rapid.OneOf(
	rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, -1, 0.5, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64}),
	rapid.Float64(), rapid.Float64Range(-1000, 1000))

var valueTypes = []storage.Type{storage.TypeBool, storage.TypeInt64, storage.TypeFloat64, storage.TypeTime, storage.TypeString, storage.TypeList}

// Order is a total order, its equals hash alike, and columns and sort keys agree with it.
func TestOrderIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom(valueTypes).Draw(t, "type")
		gen := anyValue(typ)
		a, b, c := gen.Draw(t, "a"), gen.Draw(t, "b"), gen.Draw(t, "c")
		ab, bc, ac := Order(a, b), Order(b, c), Order(a, c)
		if ab != -Order(b, a) {
			t.Fatalf("Order(%v, %v) is not the opposite of its reverse", a, b)
		}
		if Order(a, a) != 0 {
			t.Fatalf("%v is not equal to itself", a)
		}
		if ab <= 0 && bc <= 0 && ac > 0 {
			t.Fatalf("%v, %v, %v are not in order", a, b, c)
		}
		if ab == 0 && HashValue(a) != HashValue(b) {
			t.Fatalf("%v and %v are equal and hash differently", a, b)
		}
		col := NewVec(typ)
		col.Append(a)
		col.Append(b)
		if got := col.compare(0, col, 1); got != ab {
			t.Fatalf("as a column %v, %v compare to %d, not %d", a, b, got, ab)
		}
		term := orderTerm{OrderTerm: OrderTerm{Desc: rapid.Bool().Draw(t, "desc"), NullsFirst: rapid.Bool().Draw(t, "first")}}
		want := term.compareVecs(col, 0, col, 1)
		if p, q := term.prefix(col, 0), term.prefix(col, 1); p < q && want >= 0 || p > q && want <= 0 {
			t.Fatalf("sort keys %x, %x of %v, %v do not agree with %d (%+v)", p, q, a, b, want, term.OrderTerm)
		}
	})
}

func TestHashesAreForEver(t *testing.T) {
	f := func(v storage.Value, want uint64) {
		t.Helper()
		if got := HashValue(v); got != want {
			t.Errorf("the hash of %v is %#x, not %#x", v, got, want)
		}
	}
	f(storage.Int(0), 0xe220a8397b1dcdaf)
	f(storage.Int(42), 0xbdd732262feb6e95)
	f(storage.Float(42), 0xbdd732262feb6e95)
	f(storage.Float(0.5), 0x564a970344d208)
	f(storage.Float(math.Inf(1)), 0x1c15769e93e431a3)
	f(storage.Bool(true), 0x910a2dec89025cc1)
	f(storage.Time(1), 0x910a2dec89025cc1)
	f(storage.String(""), 0x2d06800538d394c2)
	f(storage.String("kelp"), 0xa0cd7d7cde3e4e6)
	f(storage.String("a text of more than sixteen bytes"), 0x9b35623127f32cf6)
	f(storage.List([]string{"a", "b"}), 0xcfa9e8fb3024ffd6)
}
