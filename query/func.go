package query

import (
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// Function is a scalar function. It is immutable and used concurrently.
type Function struct {
	Name    string
	MinArgs int
	MaxArgs int // -1: any number

	// result is the type of the result, or why the arguments do not do.
	result func(args []storage.Type) (storage.Type, string)
	// eval computes one value from as many arguments as were written, each in its
	// static type; in the type it is stored in if stored is set, in the result's if
	// common is.
	eval   func(args []storage.Value) (storage.Value, Warning)
	stored bool
	common bool
	// lazy evaluates only the arguments that decide; eval is there too.
	lazy func(b *Bound, r Row) storage.Value
	// bind prepares f, a copy of the function, for its constant arguments.
	bind func(f *Function, args []*Bound) error
}

// LookupFunction finds a function by its name in lower case.
func LookupFunction(name string) (*Function, bool) {
	i, ok := slices.BinarySearchFunc(functions[:], name, func(f Function, name string) int {
		return compareStrings(f.Name, name)
	})
	if !ok {
		return nil, false
	}
	return &functions[i], true
}

// FunctionNames returns the names of all scalar functions, sorted.
func FunctionNames() []string {
	names := make([]string, len(functions))
	for i := range functions {
		names[i] = functions[i].Name
	}
	return names
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// ResultType is the type of the result for arguments of these types, or the
// text of a type_error.
func (f *Function) ResultType(args []storage.Type) (storage.Type, string) {
	return f.result(args)
}

// Eval computes the function of these values.
func (f *Function) Eval(args []storage.Value) storage.Value {
	v, _ := f.eval(args)
	return v
}

// Prepare returns the function with what its constant arguments say worked out
// once: a compiled pattern, a unit of time. An error says what is wrong with a
// constant. The binder calls it for every call; without it the function does
// the same, more slowly.
func (f *Function) Prepare(args []*Bound) (*Function, error) {
	if f.bind == nil {
		return f, nil
	}
	prepared := *f
	if err := f.bind(&prepared, args); err != nil {
		return nil, err
	}
	return &prepared, nil
}

// callArgsInline is how many arguments a call takes without allocating.
const callArgsInline = 4

func (b *Bound) evalCall(r Row) storage.Value {
	f := b.Func
	if f.lazy != nil {
		return f.lazy(b, r)
	}
	args := make([]storage.Value, 0, callArgsInline)
	for _, arg := range b.Args {
		v := arg.Eval(r)
		switch {
		case f.common:
			v = Coerce(Coerce(v, arg.Type), b.Type)
		case !f.stored:
			v = Coerce(v, arg.Type)
		}
		args = append(args, v)
	}
	v, w := f.eval(args)
	warn(r, w)
	return Coerce(v, b.Type)
}
