package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
)

// What COMPARE puts behind the name of an aggregate.
const (
	earlierSuffix = "_prev"
	changeSuffix  = "_change"
)

// changeColumns tells which columns are the change that COMPARE has added: they
// follow the column that holds what was before. It is as long as the columns.
func changeColumns(a *client.Answer) []bool {
	changes := make([]bool, len(a.Columns))
	if a.Compare == nil {
		return changes
	}
	for i := 2; i < len(a.Columns); i++ {
		name, ok := strings.CutSuffix(a.Columns[i].Name, changeSuffix)
		changes[i] = ok && a.Columns[i-1].Name == name+earlierSuffix && a.Columns[i-2].Name == name
	}
	return changes
}

// change writes a share as what was added or taken: +50%, -3.2%, x12 from ten
// times on.
func change(n json.Number) string {
	f, err := n.Float64()
	switch {
	case err != nil:
		return n.String()
	case f >= 9:
		return fmt.Sprintf("x%.4g", f+1)
	}
	text := fmt.Sprintf("%+.1f", f*100)
	if math.Abs(f) >= 0.1 {
		text = fmt.Sprintf("%+.0f", f*100)
	}
	return strings.TrimSuffix(text, ".0") + "%"
}

// comparedLine says with which range was compared, and how complete that is.
func comparedLine(c *client.Compare) string {
	if c == nil || c.Range == nil || c.Range.From == nil || c.Range.To == nil {
		return ""
	}
	line := fmt.Sprintf("compared with %s to %s, %s complete", c.Range.From.UTC().Format(time.RFC3339), c.Range.To.UTC().Format(time.RFC3339),
		percent(c.Completeness.Ratio))
	for _, m := range c.Completeness.Leaves.Missing {
		line += fmt.Sprintf(" · %s: %s", m.Leaf, m.Reason)
	}
	return line + "\n"
}
