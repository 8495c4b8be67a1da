package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/cmd/client"
)

// TestComplete: what the prompt proposes, against a server with the demo's shop.
// The cursor stands at |.
func TestComplete(t *testing.T) {
	server, err := client.New(startServer(t), "")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	fillShop(t, server)
	body := []byte(`{"name with space": "it's", "select": 1, "a.b": "multi\nline"}` + "\n")
	if _, err := server.Ingest(context.Background(), &client.Batch{Table: "odd-name", Key: "1", Type: client.TypeNDJSON, Body: body}); err != nil {
		t.Fatal(err)
	}
	c := newCompleter(&console{ctx: context.Background()}, server)
	// f wants all of want among the proposals, none of those that begin with -, and
	// nothing else if the last one is "only".
	f := func(typed, head string, want ...string) {
		t.Helper()
		at := strings.Index(typed, "|")
		line := typed[:at] + typed[at+1:]
		gotHead, found, tail := c.complete(line, len([]rune(typed[:at])))
		if gotHead != head || tail != typed[at+1:] {
			t.Errorf("%s: parted as %q and %q", typed, gotHead, tail)
		}
		only := len(want) > 0 && want[len(want)-1] == "only"
		if only {
			want = want[:len(want)-1]
			if len(found) != len(want) {
				t.Errorf("%s: %q, want only %q", typed, found, want)
			}
		}
		for _, w := range want {
			bad, not := strings.CutPrefix(w, "-")
			if slices.Contains(found, bad) == not {
				t.Errorf("%s: %q, want %s", typed, found, w)
			}
		}
	}
	f("SELECT servi|", "SELECT ", "only") // of which of two tables?
	f("SELECT count() FROM |", "SELECT count() FROM ", "shop", `"odd-name"`, "-SELECT")
	f("SELECT count() FROM sh|", "SELECT count() FROM ", "shop", "only")
	f("DESCRIBE s|", "DESCRIBE ", "shop", "only")
	f(`\d s|`, `\d `, "shop", "only")
	f("SELECT serv| FROM shop", "SELECT ", "service", "only")
	f("SELECT SERV| FROM shop", "SELECT ", "service", "only")
	f("SELECT cou| FROM shop", "SELECT ", "count(", "count_if(", "-COUNT")
	f("SELECT me| FROM shop", "SELECT ", "message", "median(")
	f("SELECT wh|", "SELECT ", "where", "when", "-WHERE")
	f("SELECT WH|", "SELECT ", "WHERE", "-where")
	f("SELECT ü| FROM shop", "SELECT ", "only")
	f("FROM shop WHERE service = 'pa|' GROUP BY 1", "FROM shop WHERE service = ", "'payment'", "-'api'")
	f("FROM shop WHERE service IN ('api', '|", "FROM shop WHERE service IN ('api', ", "'payment'", "'api'")
	f("FROM shop WHERE \"service\" LIKE 'a|", `FROM shop WHERE "service" LIKE `, "'api'")
	f("FROM shop WHERE tags HAS ANY ('b|", "FROM shop WHERE tags HAS ANY (", "'beta'", "-'guest'")
	f("FROM shop WHERE status >= '5|", "FROM shop WHERE status >= ", "'500'", "-'200'")
	f("FROM shop WHERE message ~ 'x' AND nosuch = '|", "FROM shop WHERE message ~ 'x' AND nosuch = ", "only")
	f("SELECT 'it''s |", "SELECT ", "only")
	f("SELECT lower('x|", "SELECT lower(", "only")
	f(`FROM "odd-name" SELECT na|`, `FROM "odd-name" SELECT `, `"name with space"`)
	f(`FROM "odd-name" SELECT "na|`, `FROM "odd-name" SELECT `, `"name with space"`, "only")
	f(`FROM "odd-name" SELECT sel|`, `FROM "odd-name" SELECT `, `"select"`, "select")
	f(`FROM "odd-name" WHERE "name with space" = 'it''|`, `FROM "odd-name" WHERE "name with space" = `, `'it''s'`, "only")
	f(`FROM "odd-name" WHERE a.b = '|`, `FROM "odd-name" WHERE a.b = `, "only")
	f("FROM nosuch SELECT servic|", "FROM nosuch SELECT ", "only")
	c.before = "SELECT count()\nFROM shop -- it's\n"
	f("WHERE servi|", "WHERE ", "service", "only")
	c.before = "SELECT 'a\n"
	f("b|", "b", "only")
	c.before = ""
	f("SELECT servi| FROM shop", "SELECT ", "service", "only")
	f("SELECT servi|", "SELECT ", "service", "only")
	server.Close()
	f("x|", "", "only") // no server, no names
}
