package cluster

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// logWriter turns the gossip library's lines ("[WARN] memberlist: text") into
// records of slog, and drops those beyond logBurst and then one per logEvery.
type logWriter struct {
	log *slog.Logger

	mu      sync.Mutex
	limit   *rate.Limiter
	dropped int // since the last line let through
}

func newLogWriter(log *slog.Logger) *logWriter {
	return &logWriter{log: log, limit: rate.NewLimiter(rate.Every(logEvery), logBurst)}
}

// logPrefixes are the library's levels and ours. What it calls an error is a
// failed attempt to reach a peer: it tries again by itself.
var logPrefixes = []struct {
	prefix string
	level  slog.Level
}{
	{"[DEBUG] ", slog.LevelDebug},
	{"[INFO] ", slog.LevelInfo},
	{"[WARN] ", slog.LevelWarn},
	{"[ERR] ", slog.LevelWarn},
}

// inWords makes plain what is no fault and is told with bytes of metadata: a
// member that is back contradicts what was said of its former process.
func inWords(text []byte, level slog.Level) ([]byte, slog.Level) {
	if bytes.HasPrefix(text, []byte("Refuting ")) {
		return []byte("others take this member for its former process, or for dead; it tells them that it is alive"), slog.LevelInfo
	}
	about, _, _ := bytes.Cut(text, []byte(" meta:(")) // bytes that say nothing to a reader
	return about, level
}

// Write takes one line. It never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	text, level := bytes.TrimSpace(line), slog.LevelInfo
	for _, p := range logPrefixes {
		if rest, ok := bytes.CutPrefix(text, []byte(p.prefix)); ok {
			text, level = rest, p.level
			break
		}
	}
	if !w.log.Enabled(context.Background(), level) {
		return len(line), nil
	}
	text, level = inWords(bytes.TrimPrefix(text, []byte("memberlist: ")), level)

	w.mu.Lock()
	allowed := w.limit.AllowN(time.Now(), 1)
	dropped := w.dropped
	if allowed {
		w.dropped = 0
	} else {
		w.dropped++
	}
	w.mu.Unlock()
	if !allowed {
		return len(line), nil
	}
	attrs := []slog.Attr{slog.String("part", "gossip")}
	if dropped > 0 {
		attrs = append(attrs, slog.Int("lines_dropped", dropped))
	}
	w.log.LogAttrs(context.Background(), level, string(text), attrs...)
	return len(line), nil
}
