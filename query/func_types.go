package query

import (
	"fmt"
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// Results of functions by the types of their arguments. A type_error is for
// what was hardly meant; text may always be a number or a time.

// checkNumbers refuses times, of which epoch(t) makes numbers. Bools and lists
// are null in numeric context, as they are in a column of several types.
func checkNumbers(args []storage.Type) string {
	if slices.Contains(args, storage.TypeTime) {
		return "it takes numbers, not a value of type time; epoch(t) is a number"
	}
	return ""
}

// resultNumber keeps integers and makes all else float64.
func resultNumber(args []storage.Type) (storage.Type, string) {
	if problem := checkNumbers(args); problem != "" {
		return 0, problem
	}
	for _, t := range args {
		if t != storage.TypeInt64 && t != storage.TypeNull {
			return storage.TypeFloat64, ""
		}
	}
	return storage.TypeInt64, ""
}

// resultRound is resultNumber of the number, whatever the digits are.
func resultRound(args []storage.Type) (storage.Type, string) {
	if problem := checkNumbers(args); problem != "" {
		return 0, problem
	}
	return resultNumber(args[:1])
}

func resultFloat(args []storage.Type) (storage.Type, string) {
	return storage.TypeFloat64, checkNumbers(args)
}

func resultText(args []storage.Type) (storage.Type, string) {
	return storage.TypeString, checkText(args)
}

func resultTextTest(args []storage.Type) (storage.Type, string) {
	return storage.TypeBool, checkText(args)
}

func checkText(args []storage.Type) string {
	for _, t := range args {
		if t == storage.TypeList {
			return "it takes text, not a list; take an item, as in tags[1], or use HAS"
		}
	}
	return ""
}

func resultTypeof([]storage.Type) (storage.Type, string) { return storage.TypeString, "" }

func resultLength([]storage.Type) (storage.Type, string) { return storage.TypeInt64, "" }

func resultFirst(args []storage.Type) (storage.Type, string) { return args[0], "" }

// resultCommon is the one type of several values: float64 of integers and
// floats, the only one there is, else text. Nulls have no say.
func resultCommon(args []storage.Type) (storage.Type, string) {
	var set storage.TypeSet
	for _, t := range args {
		if t != storage.TypeNull {
			set = set.With(t)
		}
	}
	return ClusterType(set), ""
}

func resultIf(args []storage.Type) (storage.Type, string) {
	if args[0] != storage.TypeBool && args[0] != storage.TypeNull {
		return 0, fmt.Sprintf("its first argument is a condition, not a value of type %s", args[0])
	}
	return resultCommon(args[1:])
}

func resultTime(args []storage.Type) (storage.Type, string) {
	return storage.TypeTime, checkTime(args[1])
}

func resultExtract(args []storage.Type) (storage.Type, string) {
	return storage.TypeInt64, checkTime(args[1])
}

func resultEpoch(args []storage.Type) (storage.Type, string) {
	return storage.TypeFloat64, checkTime(args[0])
}

func resultToTimestamp(args []storage.Type) (storage.Type, string) {
	return storage.TypeTime, checkNumbers(args)
}

func checkTime(t storage.Type) string {
	switch t {
	case storage.TypeTime, storage.TypeString, storage.TypeNull:
		return ""
	}
	return fmt.Sprintf("it takes a time, not a value of type %s; to_timestamp(n) makes one of seconds", t)
}
