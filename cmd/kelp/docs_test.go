package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
	"github.com/kelpdb/kelp/cmd/shop"
)

// startServer runs `kelp serve` in this process until the test ends, and returns
// its address.
func startServer(t *testing.T) string {
	t.Helper()
	url, _ := serve(t)
	return url
}

// serve runs `kelp serve` with more arguments, and returns its address and what
// ends it, which returns all that it wrote.
func serve(t *testing.T, more ...string) (url string, stop func() (stdout, stderr string)) {
	t.Helper()
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--leaves", "2", "--memory", "256MiB",
		"--memory-dir", shmDir(t), "--data", t.TempDir()}, more...)
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	var stdout, stderr bytes.Buffer
	var wait sync.WaitGroup
	var runErr error
	wait.Go(func() {
		runErr = run(ctx, args, strings.NewReader(""), in, &stderr)
		in.Close()
	})
	stop = sync.OnceValues(func() (string, string) {
		cancel()
		wait.Wait()
		if runErr != nil {
			t.Errorf("serve: %v\n%s", runErr, stderr.String())
		}
		return stdout.String(), stderr.String()
	})
	t.Cleanup(func() { stop() })
	lines := bufio.NewScanner(io.TeeReader(out, &stdout))
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "ready http="); ok {
			wait.Go(func() { io.Copy(&stdout, out) })
			address, _, _ := strings.Cut(rest, " ")
			return "http://" + address, stop
		}
	}
	wait.Wait()
	t.Fatalf("serve ended before it was ready: %v\n%s", runErr, stderr.String())
	return "", nil
}

// fillShop sends twenty minutes of the demo's shop, half of them in the outage.
func fillShop(t *testing.T, server *client.Client) {
	t.Helper()
	now := time.Now()
	s := shop.New(1, now.Add(-10*time.Minute))
	var body []byte
	for at := now.Add(-20 * time.Minute); at.Before(now); at = at.Add(time.Second) {
		for _, e := range s.Between(nil, at, at.Add(time.Second), 20, 1) {
			body = e.AppendJSON(body)
		}
	}
	receipt, err := server.Ingest(context.Background(), &client.Batch{Table: "shop", Key: "shop", Type: client.TypeNDJSON, Body: body})
	if err != nil || receipt.Rejected > 0 {
		t.Fatalf("receipt %+v, error %v", receipt, err)
	}
}

// example is a code block of a page, from its line on.
type example struct {
	line int
	text string
}

// blocks returns the code blocks of a language in a page, in their order: later
// ones stand on earlier ones.
func blocks(t *testing.T, page, language string) []example {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var found []example
	start := 0
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case line == "```"+language && start == 0:
			start = i + 2
			found = append(found, example{line: start})
		case line == "```" && start > 0:
			start = 0
		case start > 0:
			found[len(found)-1].text += line + "\n"
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s has no example in %s", page, language)
	}
	return found
}

// Every question of the users' pages gets an answer, without a warning.
func TestSQLOfTheDocs(t *testing.T) {
	address := startServer(t)
	server, err := client.New(address, "")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	fillShop(t, server)
	for _, block := range blocks(t, "../../docs/sql.md", "sql") {
		line := block.line
		for _, sql := range statements(block.text) {
			answer, _, err := server.Query(context.Background(), client.Query{SQL: sql})
			switch {
			case err != nil:
				t.Errorf("docs/sql.md:%d: %v\n%s", line, err, sql)
			case len(answer.Warnings) > 0:
				t.Errorf("docs/sql.md:%d: warnings %q\n%s", line, answer.Warnings, sql)
			case len(answer.Rows) == 0:
				t.Errorf("docs/sql.md:%d: no row\n%s", line, sql)
			}
		}
	}
}

// The replies that the page shows have the fields of real ones, and no others.
func TestJSONOfTheDocs(t *testing.T) {
	url := startServer(t)
	_, receipt := call(t, "POST", url+"/v1/ingest/requests", `{"ms":31}`)
	_, answer := call(t, "POST", url+"/v1/query", `SELECT count() FROM requests`)
	_, detail := call(t, "GET", url+"/v1/tables/requests", "")
	_, failure := call(t, "POST", url+"/v1/query", `SELECT count() FROM requests WHERE`)
	fields := func(text string) string {
		t.Helper()
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return strings.Join(slices.Sorted(maps.Keys(object)), " ")
	}
	shown := make(map[string]bool)
	for _, block := range blocks(t, "../../docs/api.md", "json") {
		shown[fields(block.text)] = true
	}
	for what, reply := range map[string]string{"receipt": receipt, "answer": answer, "table": detail, "error": failure} {
		if !shown[fields(reply)] {
			t.Errorf("docs/api.md shows no %s with the fields %s", what, fields(reply))
		}
	}
}

// Every shell example of the users' pages runs, and what it prints is no error.
func TestShellOfTheDocs(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "gzip"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("KELP_TEST_STRICT") == "1" {
				t.Fatalf("KELP_TEST_STRICT=1 and there is no %s; apt-get install bash curl gzip", tool)
			}
			t.Skipf("SKIP: there is no %s; apt-get install bash curl gzip", tool)
		}
	}
	address := startServer(t)
	server, err := client.New(address, "")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	fillShop(t, server)
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "kelp"), ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, page := range []string{"quickstart.md", "ingest.md", "api.md"} {
		for _, block := range blocks(t, "../../docs/"+page, "sh") {
			line := block.line
			script := strings.ReplaceAll(block.text, "localhost:7411", strings.TrimPrefix(address, "http://"))
			cmd := exec.Command("bash", "-eu", "-o", "pipefail", "-c", script)
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "KELP_SERVER="+address)
			out, err := cmd.CombinedOutput()
			if err != nil || len(out) == 0 || bytes.Contains(out, []byte(`"error":{`)) || bytes.Contains(out, []byte("warning")) && !bytes.Contains(out, []byte(`"warnings":[]`)) {
				t.Errorf("docs/%s:%d: %v\n%s", page, line, err, out)
			}
		}
	}
}
