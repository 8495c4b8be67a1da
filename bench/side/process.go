package side

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a running program. Its standard output is read by lines by one
// goroutine of the caller's choice; its standard error is kept for errors.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	pipe  *os.File
	out   *bufio.Reader // over pipe
	said  *lastLines
	ended chan struct{} // closed when the process has been waited for
}

// startProcess starts a program in a directory, where it may leave files, and
// apart from the terminal's group, so that Ctrl-C reaches the benchmark alone,
// which then ends it.
func startProcess(dir, path string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), said: &lastLines{}, ended: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Dir = dir
	p.cmd.Stderr = p.said
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	// Not StdoutPipe: Wait would close it under the reader.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.pipe = w, r
	p.out = bufio.NewReaderSize(r, 1<<20)
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot start %s: %w", path, err), r.Close(), w.Close())
	}
	w.Close()
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.ended)
	}()
	return p, nil
}

// line reads the next line that the process says.
func (p *process) line(ctx context.Context, within time.Duration) ([]byte, error) {
	type read struct {
		text []byte
		err  error
	}
	got := make(chan read, 1)
	go func() {
		text, err := p.out.ReadBytes('\n')
		got <- read{text, err}
	}()
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	select {
	case r := <-got:
		if r.err == nil {
			return r.text, nil
		}
		select { // its last words are whole when it has been waited for
		case <-p.ended:
		case <-timeout.C:
		}
		return nil, p.failed("ended")
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timeout.C:
		return nil, p.failed(fmt.Sprintf("said nothing for %v", within))
	}
}

func (p *process) failed(what string) error {
	return fmt.Errorf("%s %s; its last words:\n%s", p.cmd.Path, what, p.said)
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the process without a word and waits until it is gone.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-p.ended
	p.pipe.Close() // a line that somebody still waits for ends, too
	return err
}

// wait waits for the process to end by itself, with status 0.
func (p *process) wait(ctx context.Context, within time.Duration) error {
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	select {
	case <-p.ended:
		p.pipe.Close()
		if !p.cmd.ProcessState.Success() {
			return p.failed(p.cmd.ProcessState.String())
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		return p.failed(fmt.Sprintf("did not end within %v", within))
	}
}

// cpu is what the process has used so far, user and system, in ticks of 10 ms.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid()))
	if err != nil {
		return 0, err
	}
	return cpuOf(string(text))
}

// cpuOf reads utime and stime, the 14th and 15th field of /proc/PID/stat; the
// second is the name in parentheses, which may hold anything.
func cpuOf(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("cannot read /proc/PID/stat: %q", stat)
	}
	ticks := int64(0)
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("cannot read /proc/PID/stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// anonymous is the memory of the process that is neither files nor shared.
func (p *process) anonymous() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid()))
	if err != nil {
		return 0, err
	}
	return kibibytes(string(text), "RssAnon:")
}

// kibibytes finds a line like `RssAnon:   152616 kB` and returns it in bytes.
func kibibytes(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc", name)
}

// watch samples the anonymous memory of the process; the function it returns
// ends that and tells the peak in bytes.
func (p *process) watch() (peak func() int64) {
	stop, done := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		most := int64(0)
		for {
			if n, err := p.anonymous(); err == nil {
				most = max(most, n)
			}
			select {
			case <-tick.C:
			case <-stop:
				done <- most
				return
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-done
	}
}

// lastLines keeps the end of what is written to it.
type lastLines struct {
	mu   sync.Mutex
	text []byte
}

func (l *lastLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	lines := strings.SplitAfter(string(l.text), "\n")
	if extra := len(lines) - stderrLines - 1; extra > 0 {
		l.text = []byte(strings.Join(lines[extra:], ""))
	}
	return len(p), nil
}

func (l *lastLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
