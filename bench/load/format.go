package load

import (
	"fmt"

	"github.com/kelpdb/kelp/bench/gen"
	"github.com/kelpdb/kelp/cmd/client"
)

// Format is how rows are sent.
type Format string

const (
	NDJSON    Format = "ndjson"
	Arrow     Format = "arrow"      // streams with plain strings
	ArrowDict Format = "arrow-dict" // strings of few values as dictionaries
)

// MarshalText and UnmarshalText make a Format a flag; the empty one is NDJSON.
func (f Format) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText fails for a name that is none of the constants.
func (f *Format) UnmarshalText(text []byte) error {
	switch name := Format(text); name {
	case "", NDJSON:
		*f = NDJSON
	case Arrow, ArrowDict:
		*f = name
	default:
		return fmt.Errorf("%q is not one of ndjson, arrow, arrow-dict", text)
	}
	return nil
}

func (f Format) String() string {
	if f == "" {
		return string(NDJSON)
	}
	return string(f)
}

func (f Format) arrow() bool { return f == Arrow || f == ArrowDict }

func (f Format) mediaType() string {
	if f.arrow() {
		return client.TypeArrow
	}
	return client.TypeNDJSON
}

// appendRows appends rows of the workload in the format that cfg says.
func (cfg *Config) appendRows(dst []byte, g *gen.Generator, from, to int64) ([]byte, error) {
	if cfg.Format.arrow() {
		if cap(dst) == 0 {
			dst = make([]byte, 0, (to-from)*arrowBytes)
		}
		return g.AppendArrow(dst, from, to, gen.ArrowForm{Dictionaries: cfg.Format == ArrowDict, RecordRows: cfg.RecordRows})
	}
	if cap(dst) == 0 {
		dst = make([]byte, 0, (to-from)*lineBytes)
	}
	for i := from; i < to; i++ {
		dst = g.AppendNDJSON(dst, i)
	}
	return dst, nil
}
