package restart

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// server is a running program that has said that it is ready.
type server struct {
	cmd     *exec.Cmd
	stderr  bytes.Buffer // read after it has ended
	address string
	begun   time.Time // before it was started
	ready   time.Time
}

// start starts a program at a priority and waits until it says that it is ready.
func start(nice int, path string, args ...string) (s *server, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s = &server{cmd: exec.Command(path, args...)}
	s.cmd.Stdout, s.cmd.Stderr = w, &s.stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the benchmark, which then ends it
	err = atPriority(nice, func() error {
		s.begun = time.Now()
		return s.cmd.Start()
	})
	w.Close()
	if err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", path, err)
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	s.ready = time.Now()
	for field := range strings.FieldsSeq(line) {
		if address, ok := strings.CutPrefix(field, "http="); ok && err == nil {
			s.address = address
			return s, nil
		}
	}
	_ = s.end(syscall.SIGKILL) // it is being reported
	return nil, fmt.Errorf("%s said %q instead of where it listens; its last words:\n%s", path, line, &s.stderr)
}

// atPriority calls fn on a thread of that priority: what it starts inherits it.
func atPriority(nice int, fn func() error) error {
	if nice == 0 {
		return fn()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, nice); err != nil {
			done <- fmt.Errorf("cannot set the priority %d: %w", nice, err)
			return
		}
		done <- fn()
	}()
	return <-done
}

// end ends the program by a signal and waits for it.
func (s *server) end(by syscall.Signal) error {
	if err := s.cmd.Process.Signal(by); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	err := s.cmd.Wait()
	if by == syscall.SIGKILL {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s after %v: %w\n%s", s.cmd.Path, by, err, &s.stderr)
	}
	return nil
}

// cpu is the processor time of the threads of the program.
func (s *server) cpu() (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	sum := int64(0)
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		ran, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s says %q: %w", thread, text, err)
		}
		sum += ns
	}
	return time.Duration(sum), nil
}

// asker is a connection to a server, with nothing between it and the clock.
type asker struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(address string) (*asker, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &asker{conn: conn, in: bufio.NewReader(conn)}, nil
}

// ask sends a question and returns the whole answer.
func (a *asker) ask(sql string) ([]byte, error) {
	_, err := fmt.Fprintf(a.conn, "POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(sql), sql)
	if err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(a.in, nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", resp.Status, body)
	}
	return body, nil
}

// rows checks that an answer is complete and returns what it says.
func rows(answer []byte) (string, error) {
	var a struct {
		Rows         json.RawMessage `json:"rows"`
		Completeness struct {
			Ratio float64 `json:"ratio"`
			Rows  uint64  `json:"rows_covered"`
		} `json:"completeness"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return "", fmt.Errorf("cannot read the answer: %w", err)
	}
	if a.Completeness.Ratio != 1 {
		return "", fmt.Errorf("an answer of completeness %v, %d rows read", a.Completeness.Ratio, a.Completeness.Rows)
	}
	return fmt.Sprintf("%d rows: %s", a.Completeness.Rows, a.Rows), nil
}
