package query

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// TestSchemaPool: equal schemas become one, others stay what they are, and the
// pool does not grow without end.
func TestSchemaPool(t *testing.T) {
	var p SchemaPool
	schema := func(n int, types ...storage.Type) Schema {
		s := Schema{}
		for i := range n {
			for _, typ := range types {
				s[fmt.Sprint("c", i)] = s[fmt.Sprint("c", i)].With(typ)
			}
		}
		return s
	}
	same := func(a, b Schema) bool { return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() }
	a, b := p.Share(schema(100, storage.TypeInt64)), p.Share(schema(100, storage.TypeInt64))
	if !same(a, b) {
		t.Error("equal schemas are two")
	}
	for _, other := range []Schema{schema(100, storage.TypeString), schema(99, storage.TypeInt64), schema(100, storage.TypeInt64, storage.TypeBool)} {
		if got := p.Share(other); !same(got, other) {
			t.Errorf("%d columns became others", len(other))
		}
	}
	for i := range 3_000 {
		s := schema(100, storage.TypeInt64)
		s[fmt.Sprint("own", i)] = storage.TypeSet(0).With(storage.TypeBool)
		if got := p.Share(s); !same(got, s) {
			t.Fatal("a schema became another")
		}
		if p.columns > poolColumnsMax || len(p.known) > poolColumnsMax/100 {
			t.Fatalf("%d schemas of %d columns are kept", len(p.known), p.columns)
		}
	}
}
