package storage

import "fmt"

// Type is the type of one value, or of one stored column. The numbers are
// written into blocks: they never change meaning.
type Type uint8

const (
	TypeNull    Type = 0
	TypeBool    Type = 1
	TypeInt64   Type = 2
	TypeFloat64 Type = 3
	TypeTime    Type = 4 // nanoseconds since 1970, UTC
	TypeString  Type = 5
	TypeList    Type = 6 // list of strings

	typesCount = 7
)

var typeNames = [typesCount]string{"null", "bool", "int64", "float64", "time", "string", "list"}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// TypeSet is a set of types, one bit per Type.
type TypeSet uint8

// Has tells whether t is in the set.
func (s TypeSet) Has(t Type) bool { return s&(1<<t) != 0 }

// With returns the set with t added.
func (s TypeSet) With(t Type) TypeSet { return s | 1<<t }

// Value is one value of any type. The zero Value is null. A Value owns its
// memory: nothing in it points into a mapped block.
type Value struct {
	Type  Type
	Int   int64   // TypeBool (0 or 1), TypeInt64, TypeTime
	Float float64 // TypeFloat64
	Str   string  // TypeString
	List  []string
}

// Constructors of values, one per type.
func Int(v int64) Value     { return Value{Type: TypeInt64, Int: v} }
func Float(v float64) Value { return Value{Type: TypeFloat64, Float: v} }
func Time(ns int64) Value   { return Value{Type: TypeTime, Int: ns} }
func String(v string) Value { return Value{Type: TypeString, Str: v} }
func List(v []string) Value { return Value{Type: TypeList, List: v} }
func Bool(v bool) Value {
	if v {
		return Value{Type: TypeBool, Int: 1}
	}
	return Value{Type: TypeBool}
}

// IsNull tells whether the value is null.
func (v Value) IsNull() bool { return v.Type == TypeNull }

// Names with a meaning of their own.
const (
	TimeColumn       = "time"        // every row has it, TypeTime
	SampleRateColumn = "sample_rate" // how many events the row stands for
)
