package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test.
func binary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("KELP_BIN")
	if path == "" {
		path = "../bin/kelp"
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("no binary to test: %v; run `make build` first", err)
	}
	return path
}

// shmDir is a directory on tmpfs that goes with the test.
func shmDir(t testing.TB) string {
	t.Helper()
	all := filepath.Join("/dev/shm", fmt.Sprintf("kelp-test-%d", os.Getpid()))
	if err := os.MkdirAll(all, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(all, strings.ReplaceAll(t.Name(), "/", "-")+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		os.RemoveAll(dir)
		os.Remove(all) // succeeds when the last directory has gone
	})
	return dir
}

// process is one running kelp.
type process struct {
	t     testing.TB
	args  []string
	cmd   *exec.Cmd
	http  string // http://HOST:PORT
	name  string
	began time.Time
	ready time.Duration // from exec to the ready line
	line  chan string   // of capacity 1: the ready line
	log   *lockedBuffer
	done  chan struct{}
	err   error
}

// lockedBuffer keeps a process's stderr.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// readyTimeout is how long a node may take to say that it is ready on a busy machine.
const readyTimeout = 30 * time.Second

// start runs kelp with args and waits for its ready line.
func start(t testing.TB, args ...string) *process {
	t.Helper()
	p := launch(t, binary(t), nil, args...)
	t.Cleanup(p.kill)
	if err := p.awaitReady(); err != nil {
		t.Fatal(err)
	}
	return p
}

// launch starts a binary and does not wait for it; who calls it kills it.
func launch(t testing.TB, path string, env []string, args ...string) *process {
	t.Helper()
	return launchIn(t, path, env, &syscall.SysProcAttr{}, args...)
}

// launchIn is launch with more to say on how the process is made.
func launchIn(t testing.TB, path string, env []string, how *syscall.SysProcAttr, args ...string) *process {
	t.Helper()
	p := &process{t: t, args: args, log: &lockedBuffer{}, began: time.Now(), line: make(chan string, 1), done: make(chan struct{})}
	p.cmd = exec.Command(path, args...)
	p.cmd.SysProcAttr = how
	how.Pdeathsig = syscall.SIGKILL // the test's death takes it along
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		r := bufio.NewReader(out)
		text, err := r.ReadString('\n')
		if err == nil {
			p.line <- text
		}
		_, _ = io.Copy(io.Discard, r)
		p.err = p.cmd.Wait()
	}()
	return p
}

// awaitReady waits for the ready line and learns from it where the server is.
func (p *process) awaitReady() error {
	select {
	case text := <-p.line:
		p.ready = time.Since(p.began)
		for _, field := range strings.Fields(text) {
			if v, ok := strings.CutPrefix(field, "http="); ok {
				p.http = "http://" + v
			}
			if v, ok := strings.CutPrefix(field, "name="); ok {
				p.name = v
			}
		}
		return nil
	case <-p.done:
		return fmt.Errorf("kelp %s ended: %v\n%s", strings.Join(p.args, " "), p.err, p.log)
	case <-time.After(readyTimeout):
		return fmt.Errorf("kelp %s is not ready after %v\n%s", strings.Join(p.args, " "), readyTimeout, p.log)
	}
}

// kill is kill -9, and waits until the process is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.done
}

// terminate is SIGTERM; the exit status must be 0.
func (p *process) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.done:
		if p.err != nil {
			p.t.Fatalf("SIGTERM: %v\n%s", p.err, p.log)
		}
	case <-time.After(readyTimeout):
		p.t.Fatalf("still there %v after SIGTERM\n%s", readyTimeout, p.log)
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// freeze stops all threads of the process, and returns when they stand: on a busy
// machine those that run go on for a moment after the signal, and answer.
func (p *process) freeze() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	tasks := fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid)
	until(p.t, 10*time.Second, "all threads are stopped", func() bool {
		files, err := filepath.Glob(tasks)
		for _, f := range files {
			stat, err := os.ReadFile(f)
			if at := bytes.LastIndexByte(stat, ')'); err == nil && (at < 0 || !bytes.HasPrefix(stat[at:], []byte(") T"))) {
				return false
			}
		}
		return err == nil && len(files) > 0
	})
}

// again starts the same command anew.
func (p *process) again() *process {
	p.t.Helper()
	return start(p.t, p.args...)
}

// receipt is the answer to an ingest call, or its error.
type receipt struct {
	Status    int    `json:"-"`
	Accepted  uint64 `json:"accepted"`
	Rejected  uint64 `json:"rejected"`
	Duplicate bool   `json:"duplicate"`
	Batch     string `json:"batch"`
	Errors    []struct {
		Row   uint64 `json:"row"`
		Error string `json:"error"`
	} `json:"errors"`
	Warnings []string  `json:"warnings"`
	Error    *apiError `json:"error"`
}

type apiError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// client has no keep-alive across the servers' deaths.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: 60 * time.Second}
}

// post sends a body to a table; err is of the transport alone.
func (p *process) post(c *http.Client, table, key, contentType string, body []byte) (receipt, error) {
	req, err := http.NewRequest(http.MethodPost, p.http+"/v1/ingest/"+table, bytes.NewReader(body))
	if err != nil {
		return receipt{}, err
	}
	req.Header.Set("Content-Type", contentType)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := c.Do(req)
	if err != nil {
		return receipt{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return receipt{}, err
	}
	r := receipt{Status: res.StatusCode}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("status %d, body %q: %w", res.StatusCode, text, err)
	}
	return r, nil
}

// ingest posts NDJSON and wants it all accepted.
func (p *process) ingest(table string, body []byte) receipt {
	p.t.Helper()
	r, err := p.post(client(), table, "", "application/x-ndjson", body)
	if err != nil {
		p.t.Fatal(err)
	}
	if r.Status != http.StatusOK || r.Rejected > 0 {
		p.t.Fatalf("ingest: status %d, %+v %+v", r.Status, r, r.Error)
	}
	return r
}

// answer is the answer to a query.
type answer struct {
	Status  int `json:"-"`
	Columns []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"columns"`
	Rows         [][]any `json:"rows"`
	Completeness struct {
		Ratio        float64 `json:"ratio"`
		Exact        bool    `json:"exact"`
		RowsExpected uint64  `json:"rows_expected"`
		RowsCovered  uint64  `json:"rows_covered"`
		Leaves       struct {
			Total    int `json:"total"`
			Answered int `json:"answered"`
			Missing  []struct {
				Leaf   string `json:"leaf"`
				Reason string `json:"reason"`
			} `json:"missing"`
		} `json:"leaves"`
	} `json:"completeness"`
	Truncated *struct {
		By string `json:"by"`
	} `json:"truncated"`
	Horizon  *time.Time `json:"horizon"`
	Warnings []string   `json:"warnings"`
	Stats    struct {
		RowsScanned  uint64  `json:"rows_scanned"`
		BytesScanned uint64  `json:"bytes_scanned"`
		ElapsedMs    float64 `json:"elapsed_ms"`
	} `json:"stats"`
	Error *apiError `json:"error"`
}

// ask runs a query; err is of the transport alone.
func (p *process) ask(sql string, timeout time.Duration) (answer, error) {
	body, err := json.Marshal(map[string]any{"sql": sql, "timeout_ms": timeout.Milliseconds()})
	if err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout+10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.http+"/v1/query", bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	var a answer
	dec := json.NewDecoder(res.Body)
	dec.UseNumber()
	if err := dec.Decode(&a); err != nil {
		return a, fmt.Errorf("status %d: %w", res.StatusCode, err)
	}
	a.Status = res.StatusCode
	return a, nil
}

// query runs a query that must succeed.
func (p *process) query(sql string) answer {
	p.t.Helper()
	a, err := p.ask(sql, 30*time.Second)
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", sql, err, p.log)
	}
	if a.Error != nil {
		p.t.Fatalf("%s: %+v", sql, *a.Error)
	}
	return a
}

// number is the one number of an answer.
func (a answer) number(t testing.TB) int64 {
	t.Helper()
	if len(a.Rows) != 1 || len(a.Rows[0]) < 1 {
		t.Fatalf("not one number: %v", a.Rows)
	}
	n, err := a.Rows[0][0].(json.Number).Int64()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// until waits for a condition; what is said when it does not come.
func until(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(5 * time.Millisecond) // a poll, not a hope
	}
}

// run runs a kelp command to its end and returns what it printed.
func run(t testing.TB, stdin io.Reader, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
