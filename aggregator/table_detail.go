package aggregator

import (
	"context"
	"sort"

	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// tableJSON is one table in detail.
type tableJSON struct {
	Table        string       `json:"table"`
	Rows         uint64       `json:"rows"`
	Bytes        uint64       `json:"bytes"`
	DiskBytes    uint64       `json:"disk_bytes"`
	Blocks       uint64       `json:"blocks"`
	Damaged      damageJSON   `json:"damaged"`
	From         any          `json:"from"`
	To           any          `json:"to"`
	Horizon      any          `json:"horizon"`
	Settings     settingsJSON `json:"settings"`
	Columns      []columnJSON `json:"columns"`
	Completeness Completeness `json:"completeness"`

	settings storage.Settings // the newest there are
}

// damageJSON is what of a table cannot be read now because its bytes are not those
// that were written. Such rows count in rows, and are missing in answers.
type damageJSON struct {
	Blocks uint64 `json:"blocks"`
	Rows   uint64 `json:"rows"`
}

// columnJSON is one column of a table.
type columnJSON struct {
	Name     string             `json:"name"`
	Types    map[string]float64 `json:"types"`    // share of the non-null values
	Nulls    float64            `json:"nulls"`    // share of the rows
	Distinct *uint64            `json:"distinct"` // an estimate; nil: not known
	Bytes    uint64             `json:"bytes"`

	// Encodings is the share of the values that is stored in each encoding.
	Encodings map[string]float64 `json:"encodings"`
}

// describe gathers a table's detail from all leaves.
func (a *Aggregator) describe(ctx context.Context, table string) (*tableJSON, error) {
	askCtx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	words := a.book.words() // before anyone is asked
	details, asked := readLeaves(askCtx, a, func(ctx context.Context, l wire.Leaf) (*wire.TableDetail, error) {
		d, err := l.Describe(ctx, table)
		if err == nil && words[d.Leaf].ahead(d.Epoch, d.Seq) {
			return nil, errBehind
		}
		return d, err
	})
	out := &tableJSON{Table: table, Columns: []columnJSON{}}
	known := false
	var settings storage.Settings
	var from, to, horizon int64 = maxTime, minTime, 0
	columns := make(map[string]*wire.ColumnDetail)
	for _, d := range details {
		if !d.Known {
			continue
		}
		if !known || d.Settings.Version > settings.Version {
			settings = d.Settings
		}
		known = true
		out.Rows, out.Bytes, out.DiskBytes, out.Blocks = out.Rows+d.Rows, out.Bytes+d.Bytes, out.DiskBytes+d.DiskBytes, out.Blocks+d.Blocks
		out.Damaged.Blocks, out.Damaged.Rows = out.Damaged.Blocks+d.DamagedBlocks, out.Damaged.Rows+d.Damaged
		if d.Rows > 0 {
			from, to = min(from, d.From), max(to, d.To)
		}
		horizon = max(horizon, d.Horizon)
		mergeColumns(columns, d.Columns)
	}
	if !known && (asked.Answered == asked.Total || !a.book.knows(table)) {
		return nil, &errUnknownTable{table, a.nearTable(table)}
	}
	out.Completeness = a.weigh(table, asked)
	out.Completeness.without(details)
	out.From, out.To, out.Horizon = timeOrNil(from), timeOrNil(to), timeOrNil(horizon)
	if newest := a.book.settings(table); newest.Version > settings.Version {
		settings = newest
	}
	out.settings, out.Settings = settings, settingsToJSON(settings)
	for _, c := range columns {
		out.Columns = append(out.Columns, columnToJSON(c, out.Rows))
	}
	sort.Slice(out.Columns, func(i, j int) bool { return out.Columns[i].Name < out.Columns[j].Name })
	return out, nil
}

// without takes the rows that leaves can not read now off what is covered.
func (c *Completeness) without(details []*wire.TableDetail) {
	for _, d := range details {
		for reason, rows := range map[string]uint64{reasonDamaged: d.Damaged, reasonLoading: d.Loading} {
			if rows > 0 {
				c.RowsCovered -= min(rows, c.RowsCovered)
				c.Leaves.Missing = append(c.Leaves.Missing, LeafMissing{d.Leaf, reason})
			}
		}
	}
	c.Leaves.sort()
	c.Ratio = min(c.Ratio, ratio(c.RowsCovered, c.RowsExpected, c.Leaves.Answered == c.Leaves.Total))
}

func mergeColumns(into map[string]*wire.ColumnDetail, from []wire.ColumnDetail) {
	for _, c := range from {
		sum := into[c.Name]
		if sum == nil {
			sum = &wire.ColumnDetail{Name: c.Name}
			into[c.Name] = sum
		}
		for t, rows := range c.Rows {
			sum.Rows[t] += rows
		}
		sum.Bytes += c.Bytes
		for encoding, rows := range c.Encoded {
			if sum.Encoded == nil {
				sum.Encoded = make(map[string]uint64)
			}
			sum.Encoded[encoding] += rows
		}
	}
}

func columnToJSON(c *wire.ColumnDetail, rows uint64) columnJSON {
	out := columnJSON{Name: c.Name, Types: make(map[string]float64), Bytes: c.Bytes, Encodings: make(map[string]float64)}
	encoded := uint64(0)
	for _, n := range c.Encoded {
		encoded += n
	}
	for encoding, n := range c.Encoded {
		if n > 0 {
			out.Encodings[encoding] = float64(n) / float64(encoded)
		}
	}
	values := uint64(0)
	for t, n := range c.Rows {
		if storage.Type(t) != storage.TypeNull {
			values += n
		}
	}
	for t, n := range c.Rows {
		if n > 0 && storage.Type(t) != storage.TypeNull {
			out.Types[storage.Type(t).String()] = float64(n) / float64(values)
		}
	}
	if rows > values {
		out.Nulls = float64(rows-values) / float64(rows)
	}
	return out
}

// describeStatement answers DESCRIBE t.
func (a *Aggregator) describeStatement(ctx context.Context, _ Ask, table string) (*Answer, error) {
	d, err := a.describe(ctx, table)
	if err != nil {
		return nil, err
	}
	res := newResult("column", storage.TypeString, "types", storage.TypeString, "nulls", storage.TypeFloat64,
		"distinct", storage.TypeInt64, "bytes", storage.TypeInt64)
	a.addDistinct(ctx, d)
	for _, c := range d.Columns {
		distinct := storage.Value{}
		if c.Distinct != nil {
			distinct = storage.Int(int64(*c.Distinct))
		}
		addRow(res, storage.String(c.Name), storage.String(typeMix(c.Types)), storage.Float(c.Nulls), distinct, storage.Int(int64(c.Bytes)))
	}
	return &Answer{Result: res, Completeness: d.Completeness}, nil
}
