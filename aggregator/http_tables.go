package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// serveTables is GET /v1/tables.
func (a *Aggregator) serveTables(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, struct {
		Tables       []tableLine  `json:"tables"`
		Completeness Completeness `json:"completeness"`
	}{a.book.tableList(a.cfg.Now()), a.holdings("")})
	return nil
}

// serveTable is GET /v1/tables/{t}.
func (a *Aggregator) serveTable(w http.ResponseWriter, r *http.Request) error {
	table := chi.URLParam(r, "table")
	if !storage.IsTableName(table) {
		return checkTable(table)
	}
	d, err := a.describe(r.Context(), table)
	if err != nil {
		return err
	}
	a.addDistinct(r.Context(), d)
	writeJSON(w, http.StatusOK, d)
	return nil
}

// serveDrop is DELETE /v1/tables/{t}.
func (a *Aggregator) serveDrop(w http.ResponseWriter, r *http.Request) error {
	table := chi.URLParam(r, "table")
	settled, err := a.unsettle(r.Context(), table) // first: while the catalog takes no changes, no rows go
	if err != nil {
		return err
	}
	had, asked := onLeaves(r.Context(), a, func(ctx context.Context, l wire.Leaf) (bool, error) { return l.Drop(ctx, table) })
	dropped := false
	for _, h := range had {
		dropped = dropped || h
	}
	if asked.Answered < asked.Total && (dropped || a.book.knows(table)) {
		return &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: true,
			Message: "dropped on the leaves that answered; " + missingNames(asked) + " did not",
			Hint:    "repeat the call when they are back"}
	}
	if !dropped && !settled {
		return &errUnknownTable{table, a.nearTable(table)}
	}
	writeJSON(w, http.StatusOK, map[string]any{"dropped": table})
	return nil
}

func missingNames(asked LeavesAsked) string {
	names := make([]string, len(asked.Missing))
	for i, m := range asked.Missing {
		names[i] = m.Leaf
	}
	return strings.Join(names, ", ")
}

// settingsJSON is a table's settings as clients see and send them.
type settingsJSON struct {
	RetentionAge   string `json:"retention_age"`   // a duration like 7d; "" for ever
	RetentionBytes int64  `json:"retention_bytes"` // 0: no limit of its own
	Durability     string `json:"durability"`
	ThinAfter      string `json:"thin_after"`    // as retention_age; "" never
	ThinKeep       int64  `json:"thin_keep"`     // one row stands for so many
	QuotaRows      int64  `json:"quota_rows_s"`  // 0: no quota
	QuotaBytes     int64  `json:"quota_bytes_s"` // of decoded bodies
}

func settingsToJSON(s storage.Settings) settingsJSON {
	out := settingsJSON{
		RetentionBytes: s.RetentionBytes, Durability: string(s.Durability),
		ThinKeep: s.ThinKeep, QuotaRows: s.QuotaRows, QuotaBytes: s.QuotaBytes,
	}
	if s.Durability == storage.DurabilityDefault {
		out.Durability = string(storage.DurabilityDisk)
	}
	if s.RetentionAge > 0 {
		out.RetentionAge = formatAge(s.RetentionAge)
	}
	if s.ThinAfter > 0 {
		out.ThinAfter = formatAge(s.ThinAfter)
	}
	return out
}

// formatAge writes a retention as people set it: in days from a day up.
func formatAge(d time.Duration) string {
	const day = 24 * time.Hour
	if d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return query.FormatDuration(d)
}

// serveSettings is PATCH /v1/tables/{t}: the fields that are there change.
func (a *Aggregator) serveSettings(w http.ResponseWriter, r *http.Request) error {
	table := chi.URLParam(r, "table")
	if err := checkTable(table); err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, queryBytesMax))
	if err != nil {
		return badRequest("the request broke off before its end", "send it again")
	}
	d, err := a.describe(r.Context(), table)
	if err != nil {
		return err
	}
	if a.cfg.Catalog != nil && a.cfg.Catalog.Begun() {
		next, err := a.settle(r.Context(), table, d.settings, func(s storage.Settings) (storage.Settings, error) { return patchSettings(s, body) })
		if err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, map[string]any{"table": table, "settings": settingsToJSON(next)})
		return nil
	}
	next, err := patchSettings(d.settings, body)
	if err != nil {
		return err
	}
	next.Version = max(uint64(a.cfg.Now().UnixNano()), d.settings.Version+1)
	_, asked := onLeaves(r.Context(), a, func(ctx context.Context, l wire.Leaf) (bool, error) {
		return true, l.Set(ctx, table, next)
	})
	if asked.Answered < d.Completeness.Leaves.Total {
		return &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: true,
			Message: "set on the leaves that answered; " + missingNames(asked) + " did not", Hint: "repeat the call when they are back"}
	}
	a.book.took(table, next)
	writeJSON(w, http.StatusOK, map[string]any{"table": table, "settings": settingsToJSON(next)})
	return nil
}

// settingHints says what a setting takes.
var settingHints = map[string]string{
	"retention_age":   `a duration like "7d" or "36h", a number of seconds, or "" for ever`,
	"retention_bytes": "a whole number of bytes; 0 is no limit of its own",
	"durability":      `"memory", "disk" or "sync"`,
	"thin_after":      `a duration like "7d" or "36h", a number of seconds, or "" for never`,
	"thin_keep":       "a whole number from 2 to 1000000: of so many rows one is kept, with so many times the weight; 0 with no thin_after",
	"quota_rows_s":    "a whole number of rows; 0 is no quota",
	"quota_bytes_s":   "a whole number of bytes; 0 is no quota",
}

// settingsLater are fields of CONTRACT that no code acts on yet.
var settingsLater = []string{"replicas"}

// settingsKnown lists those that are there, for messages.
const settingsKnown = "retention_age, retention_bytes, durability, thin_after, thin_keep, quota_rows_s and quota_bytes_s"

func patchSettings(s storage.Settings, body []byte) (storage.Settings, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return s, badRequest("the settings can not be read: "+jsonFault(err), `send {"retention_age": "7d"}`)
	}
	for name, raw := range fields {
		var err error
		switch name {
		case "retention_age":
			s.RetentionAge, err = parseAge(raw)
		case "thin_after":
			s.ThinAfter, err = parseAge(raw)
		case "retention_bytes":
			s.RetentionBytes, err = parseCount(raw)
		case "thin_keep":
			s.ThinKeep, err = parseCount(raw)
		case "quota_rows_s":
			s.QuotaRows, err = parseCount(raw)
		case "quota_bytes_s":
			s.QuotaBytes, err = parseCount(raw)
		case "durability":
			var d string
			err = json.Unmarshal(raw, &d)
			s.Durability = storage.Durability(d)
			if err == nil && (d == "" || s.Validate() != nil) {
				err = fmt.Errorf("%q is not memory, disk or sync", d)
			}
		default:
			return s, badRequest(fmt.Sprintf("there is no setting %q", name), settingHint(name))
		}
		if err != nil {
			return s, badRequest("the setting "+name+" can not be read: "+jsonFault(err), settingHints[name])
		}
	}
	if err := s.ValidateTogether(); err != nil { // fields that do not go together
		return s, badRequest(err.Error(), settingHints["thin_keep"])
	}
	return s, nil
}

// parseCount reads a whole number that is not negative; null is 0.
func parseCount(raw json.RawMessage) (n int64, err error) {
	if err = json.Unmarshal(raw, &n); err == nil && n < 0 {
		err = errors.New("it is negative")
	}
	return n, err
}

func settingHint(name string) string {
	for _, later := range settingsLater {
		if later == name {
			return name + " is not there yet; this version knows " + settingsKnown
		}
	}
	return settingsKnown
}

// parseAge reads "7d", null or "" (for ever), or a number of seconds.
func parseAge(raw json.RawMessage) (time.Duration, error) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return 0, err
	}
	switch v := v.(type) {
	case nil:
		return 0, nil
	case float64:
		if v < 0 || v > 1e9 {
			return 0, errors.New("seconds out of range")
		}
		return time.Duration(v * float64(time.Second)), nil
	case string:
		if v == "" {
			return 0, nil
		}
		return query.ParseDuration(v)
	}
	return 0, errors.New("it is no duration")
}

// settings is the newest settings that the catalog or any leaf has of a table.
func (b *book) settings(table string) storage.Settings {
	b.mu.Lock()
	defer b.mu.Unlock()
	agreed, found := b.agreed[table]
	s := agreed.settings
	for _, page := range b.leaves {
		if t := page.Tables[table]; t != nil && (!found || t.Settings.Version > s.Version) {
			s, found = t.Settings, true
		}
	}
	return s
}

// took takes settings in that all leaves of a table have, before they say so
// themselves: a leaf that gets its first rows now gets these with them.
func (b *book) took(table string, s storage.Settings) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, page := range b.leaves {
		if t := page.Tables[table]; t != nil && t.Settings.Version < s.Version {
			t.Settings = s
		}
	}
}

// serveValues is GET /v1/tables/{t}/values?column=C&prefix=P: a column's top values.
func (a *Aggregator) serveValues(w http.ResponseWriter, r *http.Request) error {
	values, err := params(r, "column", "prefix")
	if err != nil {
		return err
	}
	table, column := chi.URLParam(r, "table"), values.Get("column")
	if column == "" {
		return badRequest("which column?", "add ?column=NAME")
	}
	name := query.QuoteName(column)
	sql := fmt.Sprintf("SELECT %s AS value, count() AS n FROM %s WHERE %s IS NOT NULL", name, query.QuoteName(table), name)
	if prefix := values.Get("prefix"); prefix != "" {
		sql += fmt.Sprintf(" AND starts_with(%s, '%s')", name, strings.ReplaceAll(prefix, "'", "''"))
	}
	ans, err := a.Select(r.Context(), Ask{SQL: sql + fmt.Sprintf(" GROUP BY value ORDER BY n DESC LIMIT %d", valuesMax)})
	if err != nil {
		return err
	}
	type value struct {
		Value json.RawMessage `json:"value"`
		Count json.RawMessage `json:"count"`
	}
	top := make([]value, ans.Result.Rows)
	for i := range top {
		top[i] = value{query.AppendJSONValue(nil, ans.Result.Cols[0].Value(i)), query.AppendJSONValue(nil, ans.Result.Cols[1].Value(i))}
	}
	writeJSON(w, http.StatusOK, map[string]any{"values": top, "completeness": ans.Completeness})
	return nil
}

// typeMix words a column's types: "98% int64, 2% string".
func typeMix(types map[string]float64) string {
	names := make([]string, 0, len(types))
	for name := range types {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		if types[names[i]] != types[names[j]] {
			return types[names[i]] > types[names[j]]
		}
		return names[i] < names[j]
	})
	if len(names) == 1 {
		return names[0]
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%.3g%% %s", 100*types[name], name)
	}
	return strings.Join(names, ", ")
}
