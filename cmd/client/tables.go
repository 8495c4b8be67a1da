package client

import (
	"context"
	"encoding/json"
	"net/url"
	"time"
)

// Table is a line of the list of tables.
type Table struct {
	Table    string     `json:"table"`
	Rows     int64      `json:"rows"`
	Bytes    int64      `json:"bytes"`
	RowsPerS float64    `json:"rows_per_s"`
	Newest   *time.Time `json:"newest"`
	From     *time.Time `json:"from"`
	Horizon  *time.Time `json:"horizon"`
}

// TableDetail is one table.
type TableDetail struct {
	Table     string                     `json:"table"`
	Rows      int64                      `json:"rows"`
	Bytes     int64                      `json:"bytes"`
	DiskBytes int64                      `json:"disk_bytes"`
	Blocks    int64                      `json:"blocks"`
	Damaged   Damage                     `json:"damaged"`
	From      *time.Time                 `json:"from"`
	To        *time.Time                 `json:"to"`
	Horizon   *time.Time                 `json:"horizon"`
	Settings  map[string]json.RawMessage `json:"settings"`
	Columns   []ColumnDetail             `json:"columns"`

	Completeness Completeness `json:"completeness"`
}

// Damage is what of a table cannot be read now.
type Damage struct {
	Blocks int64 `json:"blocks"`
	Rows   int64 `json:"rows"`
}

// ColumnDetail is one column of a table. Types maps a type to its share of the
// values; Nulls is a share of the rows; Distinct is an estimate, nil where there
// is none. Encodings maps the name of an encoding to the share of the values, by
// number, that are stored so.
type ColumnDetail struct {
	Name     string             `json:"name"`
	Types    map[string]float64 `json:"types"`
	Nulls    float64            `json:"nulls"`
	Distinct *int64             `json:"distinct"`
	Bytes    int64              `json:"bytes"`

	Encodings map[string]float64 `json:"encodings"`
}

// Member is a process, or a leaf within one.
type Member struct {
	Name          string `json:"name"`
	Role          string `json:"role"`
	State         string `json:"state"`
	Address       string `json:"address"`
	Rows          int64  `json:"rows"`
	MemoryUsed    int64  `json:"memory_used"`
	MemoryBudget  int64  `json:"memory_budget"`
	Version       string `json:"version"`
	DamagedBlocks int64  `json:"damaged_blocks"`
	HealedBlocks  int64  `json:"healed_blocks"`
	LogDamaged    bool   `json:"log_damaged"`

	Scrubbed *time.Time `json:"scrubbed"`
}

// TableList is the tables, and how much of their rows stands behind it.
type TableList struct {
	Tables       []Table      `json:"tables"`
	Completeness Completeness `json:"completeness"`
}

// Tables lists the tables.
func (c *Client) Tables(ctx context.Context) (*TableList, error) {
	var list TableList
	if err := c.getJSON(ctx, "/v1/tables", &list); err != nil {
		return nil, err
	}
	return &list, nil
}

// Table describes one table.
func (c *Client) Table(ctx context.Context, name string) (*TableDetail, error) {
	var detail TableDetail
	if err := c.getJSON(ctx, "/v1/tables/"+url.PathEscape(name), &detail); err != nil {
		return nil, err
	}
	return &detail, nil
}

// Cluster lists the members.
func (c *Client) Cluster(ctx context.Context) ([]Member, error) {
	var list struct {
		Members []Member `json:"members"`
	}
	err := c.getJSON(ctx, "/v1/cluster", &list)
	return list.Members, err
}
