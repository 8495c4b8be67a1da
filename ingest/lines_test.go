package ingest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

func fixedNow() time.Time { return testNow }

// lineChecker returns f(line, want): the line becomes the object want.
func lineChecker(t *testing.T, format LineFormat) func(line, want string) {
	p := NewLineParser(format, fixedNow)
	return func(line, want string) {
		t.Helper()
		got, ok := p.AppendJSON([]byte("before"), []byte(line))
		if !ok {
			got = append(got, "nothing"...)
		}
		if string(got) != "before"+want {
			t.Errorf("%v: %s\n got %s\nwant %s", format, line, got[6:], want)
		}
	}
}

func TestLinesLogfmt(t *testing.T) {
	f := lineChecker(t, LineLogfmt)
	f(`level=info msg="hello \"you\"\nthere" ms=31 ratio=0.5 id=007 ok=true dur=31ms empty= flag`,
		`{"level":"info","msg":"hello \"you\"\nthere","ms":31,"ratio":0.5,"id":"007","ok":true,"dur":"31ms","empty":"","flag":true}`)
	f(`time=2026-01-02T03:04:05Z  a.b=-1e3 big=99999999999999999999 path=/a?b=c`,
		`{"time":"2026-01-02T03:04:05Z","a.b":-1e3,"big":"99999999999999999999","path":"/a?b=c"}`)
	f(`prose with a=b in it`, `{"message":"prose with a=b in it"}`)
	f(`a="not closed`, `{"message":"a=\"not closed"}`)
	f(" \t", `nothing`)
	f("", `nothing`)
}

func TestLinesAccess(t *testing.T) {
	f := lineChecker(t, LineAccess)
	f(`127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326`,
		`{"time":"2000-10-10T20:55:36Z","remote_addr":"127.0.0.1","remote_user":"frank","method":"GET","path":"/apache_pb.gif","protocol":"HTTP/1.0","status":200,"bytes":2326}`)
	f(`::1 - - [22/Nov/2026:10:00:00 +0000] "POST /pay?id=7&x HTTP/1.1" 502 - "https://kelp/" "curl/8 \"x\""`,
		`{"time":"2026-11-22T10:00:00Z","remote_addr":"::1","method":"POST","path":"/pay","query":"id=7&x","protocol":"HTTP/1.1","status":502,"referer":"https://kelp/","user_agent":"curl/8 \"x\""}`)
	f(`1.2.3.4 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-" "10.0.0.1" 0.031 0.030 rt=0.1 uct="0.000" cache=HIT 7 -`,
		`{"time":"2026-11-22T10:00:00Z","remote_addr":"1.2.3.4","method":"GET","path":"/","protocol":"HTTP/1.1","status":200,"bytes":5,"x_forwarded_for":"10.0.0.1","request_time":0.031,"upstream_response_time":0.030,"rt":0.1,"uct":0.000,"cache":"HIT","extra_1":7}`)
	f(`1.2.3.4 - - [22/Nov/2026:10:00:00 +0000] "\x16\x03\x01" 400 150 "-" "-"`,
		`{"time":"2026-11-22T10:00:00Z","remote_addr":"1.2.3.4","request":"\\x16\\x03\\x01","status":400,"bytes":150}`)
	f(`1.2.3.4 - - [22/Nov/2026:10:00:00 +0000] "-" 408 0`, `{"time":"2026-11-22T10:00:00Z","remote_addr":"1.2.3.4","status":408,"bytes":0}`)
	f(`shop.example:443 1.2.3.4 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5`,
		`{"time":"2026-11-22T10:00:00Z","vhost":"shop.example:443","remote_addr":"1.2.3.4","method":"GET","path":"/","protocol":"HTTP/1.1","status":200,"bytes":5}`)
	f(`1.2.3.4 - john doe [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5`,
		`{"time":"2026-11-22T10:00:00Z","remote_addr":"1.2.3.4","remote_user":"john doe","method":"GET","path":"/","protocol":"HTTP/1.1","status":200,"bytes":5}`)
	f(`not an access line`, `{"message":"not an access line"}`)
}

func TestLinesErrorLogs(t *testing.T) {
	f := lineChecker(t, LineNginxError)
	f(`2026/11/22 10:00:00 [error] 12#34: *56 connect() failed (111: Connection refused), client: 1.2.3.4, server: _, request: "GET /a, b HTTP/1.1", upstream: "http://127.0.0.1:80/a", host: "h"`,
		`{"time":"2026-11-22T10:00:00Z","level":"error","pid":12,"tid":34,"connection":56,"client":"1.2.3.4","server":"_","request":"GET /a, b HTTP/1.1","upstream":"http://127.0.0.1:80/a","host":"h","message":"connect() failed (111: Connection refused)"}`)
	f(`2026/11/22 10:00:00 [notice] 12#12: signal process started`,
		`{"time":"2026-11-22T10:00:00Z","level":"notice","pid":12,"tid":12,"message":"signal process started"}`)
	f = lineChecker(t, LineApacheError)
	f(`[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state 6`,
		`{"time":"2005-12-04T04:47:44Z","level":"error","message":"mod_jk child workerEnv in error state 6"}`)
	f(`[Wed Oct 11 14:32:52.123456 2000] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187:56] AH00035: no [x] here`,
		`{"time":"2000-10-11T14:32:52.123456Z","module":"core","level":"error","tid":4328636416,"pid":35708,"client":"72.15.99.187:56","message":"AH00035: no [x] here"}`)
}

func TestLinesSyslog(t *testing.T) {
	f := lineChecker(t, LineSyslog3164)
	f(`<34>Oct 11 22:14:15 mymachine su[77]: 'su root' failed`,
		`{"time":"2026-10-11T22:14:15Z","facility":"auth","level":"crit","host":"mymachine","app":"su","pid":77,"message":"'su root' failed"}`)
	f(`Dec  1 06:55:46 LabSZ sshd: closed: by peer`, `{"time":"2025-12-01T06:55:46Z","host":"LabSZ","app":"sshd","message":"closed: by peer"}`)
	f(`Nov 22 18:00:00 h a: from a clock ahead`, `{"time":"2026-11-22T18:00:00Z","host":"h","app":"a","message":"from a clock ahead"}`)
	f(`Feb 29 00:00:00 h a: leap`, `{"time":"2024-02-29T00:00:00Z","host":"h","app":"a","message":"leap"}`)
	f(`2026-01-02T03:04:05.678901+01:00 host systemd[1]: Started`, `{"time":"2026-01-02T02:04:05.678901Z","host":"host","app":"systemd","pid":1,"message":"Started"}`)
	f(`Jul  1 09:00:55 host --- last message repeated 1 time ---`, `{"time":"2026-07-01T09:00:55Z","host":"host","message":"--- last message repeated 1 time ---"}`)
	f(`<11>Oct 11 22:14:15 ERROR app: a host may be called so`,
		`{"time":"2026-10-11T22:14:15Z","facility":"user","level":"err","host":"ERROR","app":"app","message":"a host may be called so"}`)
	// Logs of applications start with the same times.
	f(`2026-11-22T01:02:03Z ERROR something broke`, `{"time":"2026-11-22T01:02:03Z","level":"ERROR","message":"2026-11-22T01:02:03Z ERROR something broke"}`)
	f(`2026-11-22T01:02:03Z error db: it broke`, `{"time":"2026-11-22T01:02:03Z","level":"error","message":"2026-11-22T01:02:03Z error db: it broke"}`)
	f(`2026-11-22T01:02:03Z main WARN: slow`, `{"time":"2026-11-22T01:02:03Z","level":"WARN","message":"2026-11-22T01:02:03Z main WARN: slow"}`)
	f(`2026-11-22T01:02:03Z it went well`, `{"time":"2026-11-22T01:02:03Z","message":"2026-11-22T01:02:03Z it went well"}`)
	f(`Nov 22 01:02:03 ERROR something broke`, `{"time":"2026-11-22T01:02:03Z","level":"ERROR","message":"Nov 22 01:02:03 ERROR something broke"}`)
	f = lineChecker(t, LineSyslog5424)
	f(`<165>1 2003-10-11T22:14:15.003Z mymachine evntslog - ID47 [ex@32473 iut="3" s="a\"\]"][b] `+"\xEF\xBB\xBF"+`An event`,
		`{"time":"2003-10-11T22:14:15.003Z","facility":"local4","level":"notice","host":"mymachine","app":"evntslog","msgid":"ID47","ex@32473.iut":"3","ex@32473.s":"a\"]","message":"An event"}`)
	f(`<13>1 - - - 12 - - hello`, `{"facility":"user","level":"notice","pid":12,"message":"hello"}`)
}

func TestLinesPlain(t *testing.T) {
	p := NewLineParser(LinePlain, fixedNow)
	f := func(line, time, level string) {
		t.Helper()
		out, ok := p.AppendJSON(nil, []byte(line))
		var got struct{ Time, Level, Message string }
		if err := json.Unmarshal(out, &got); err != nil || !ok {
			t.Errorf("%s: %s: %v", line, out, err)
		}
		if got.Time != time || got.Level != level || got.Message != line {
			t.Errorf("%s:\n got %s\nwant time %s, level %s", line, out, time, level)
		}
	}
	f("hello world", "", "")
	f("2026-01-02T03:04:05.678Z INFO started", "2026-01-02T03:04:05.678Z", "INFO")
	f("2026-01-02 03:04:05+01:00 [main] warn: x", "2026-01-02T02:04:05Z", "warn")
	f("2015-07-29 17:41:44,747 - INFO  [x] - y", "2015-07-29T17:41:44.747Z", "INFO")
	f("[Sun Dec 04 04:47:44 2005] [notice] x", "2005-12-04T04:47:44Z", "notice")
	f("[22/Nov/2026:10:00:00 +0100] error", "2026-11-22T09:00:00Z", "error")
	f("081109 203615 148 INFO dfs: x", "2008-11-09T20:36:15Z", "INFO")
	f("17/06/09 20:10:40 INFO x: y", "2017-06-09T20:10:40Z", "INFO")
	f("2009/11/10 23:00:00 message of Go", "2009-11-10T23:00:00Z", "")
	f("1700000000 x", "2023-11-14T22:13:20Z", "")
	f("1700000000.25 ERROR x", "2023-11-14T22:13:20.25Z", "ERROR")
	f("03-17 16:13:38.811  1702  2395 D WindowManager: x", "2026-03-17T16:13:38.811Z", "D")
	f("20171223-22:15:29:606|Step|300|x", "2017-12-23T22:15:29.606Z", "")
	f("20171224-0:28:0:83|Step|300|x", "2017-12-24T00:28:00.083Z", "")
	f("[10.30 16:49:06] chrome.exe - x", "2026-10-30T16:49:06Z", "")
	f("I1120 10:00:00.123456   1 x.go:1] y", "2026-11-20T10:00:00.123456Z", "I")
	f("nova.log 2017-05-16 00:00:00.008 25746 INFO nova [x] y", "2017-05-16T00:00:00.008Z", "INFO")
	f("- 1117838570 2005.06.03 R02 2005-06-03-15.42.50.675872 R02 RAS KERNEL INFO x", "2005-06-03T22:42:50Z", "INFO")
	f("2026-01-02 03:04:05.678 UTC [77] LOG:  ERROR is no level here", "2026-01-02T03:04:05.678Z", "")
	f("ERROR: it broke", "", "ERROR")
	f("[info] it works", "", "info")
	f("info about something", "", "")
	f("99/99/99 99:99:99 x", "", "")
	f("2026-13-02 03:04:05 x", "", "")
	f("12345678901 x", "", "")
	f("May the force be with you", "", "")

	// Times without a zone are local to the reader.
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err) // time/tzdata brings them along
	}
	p = NewLineParser(LinePlain, func() time.Time { return testNow.In(berlin) })
	f("2026-07-02 03:04:05 x", "2026-07-02T01:04:05Z", "")
	f("2026-01-02 03:04:05 x", "2026-01-02T02:04:05Z", "")
	f("2026-01-02 03:04:05Z x", "2026-01-02T03:04:05Z", "")
}

func TestDetectFormat(t *testing.T) {
	f := func(sample string, want LineFormat) {
		t.Helper()
		if got := DetectFormat([]byte(sample)); got != want {
			t.Errorf("%.80q: got %v, want %v", sample, got, want)
		}
	}
	f("", LinePlain)
	f("hello\nworld\n", LinePlain)
	f("\xEF\xBB\xBF {\"a\":1}\n", LineJSON)
	f("level=info msg=x\nlevel=warn msg=\"a b\"\nbroken line\n", LineLogfmt)
	f("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 2326\n", LineAccess)
	f("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 2326\n127.0.0.1 - - [10/Oct", LineAccess)
	f("2026/11/22 10:00:00 [error] 12#34: *56 x\n", LineNginxError)
	f("[Sun Dec 04 04:47:44 2005] [error] x\n", LineApacheError)
	f("<34>Oct 11 22:14:15 h su[1]: x\n", LineSyslog3164)
	f("Oct 11 22:14:15 h su[1]: x\n", LineSyslog3164)
	f("<34>1 2003-10-11T22:14:15.003Z h a - - - x\n", LineSyslog5424)
	f("2026-11-22T01:02:03Z ERROR something broke\n", LinePlain)
	f("2026-11-22T01:02:03Z host app[7]: x\n", LineSyslog3164)
	f("a banner\n{\"a\":1}\n{\"a\":2}\n", LineJSON)
	f("{date} is no name\nand this is prose\n", LinePlain)
	f("{\n", LineJSON)
	f("level=info msg=x\nplain words\n", LinePlain)
	f("time,service,ms\n1,api,2\n3,\"a,b\",4\n", LineCSV)
	f("a;b\n1;2\n", LineCSV)
	f("Hello, you\nHow are things\n", LinePlain)
	for _, format := range LineFormats() {
		if strings.HasPrefix(format.String(), "line format") {
			t.Errorf("%d has no name", format)
		}
	}
}

// TestLinesOfRealLogs reads sample logs, which lie beside the project and not
// in it: a row per line, each with its own time, and hosts and levels as often
// as cutting the lines into words finds them.
func TestLinesOfRealLogs(t *testing.T) {
	dir := "../../shared/data/loghub"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("SKIP: no sample logs beside the project (../shared/data/loghub); nothing to install: they are not part of it")
	}
	// level and host: the word (from 1) that holds it, 0 if the lines have none.
	f := func(name string, format LineFormat, timed bool, level, host int) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, name+"_2k.log"))
		if err != nil {
			t.Error(err)
			return
		}
		if got := DetectFormat(text[:min(len(text), 64<<10)]); got != format {
			t.Errorf("%s is taken for %v", name, got)
		}
		var body []byte
		p := NewLineParser(format, fixedNow)
		want := map[string]int{}
		for line := range strings.Lines(string(text)) {
			body, _ = p.AppendJSON(body, []byte(line))
			body = append(body, '\n')
			words := strings.Fields(line)
			if level > 0 {
				want["level "+strings.Trim(words[level-1], "[]")]++
			}
			if host > 0 {
				want["host "+words[host-1]]++
			}
		}
		var mixed []byte
		p = NewLineParser(LineMixed, fixedNow)
		for line := range bytes.Lines(text) {
			mixed, _ = p.AppendJSON(mixed, line)
			mixed = append(mixed, '\n')
		}
		if !bytes.Equal(mixed, body) {
			t.Errorf("%s: each line taken for itself differs", name)
		}
		chunks, err := chunksOf(bytes.NewReader(body), testOptions(JSON))
		if err != nil || len(chunks) != 1 || chunks[0].Rejected != 0 || chunks[0].Accepted != 2000 {
			t.Errorf("%s: %v, %.1000s", name, err, render(chunks))
			return
		}
		got := map[string]int{}
		times := 0
		for _, row := range rowsOf(chunks[0].Batch) {
			if row["time"].Int != testNow.UnixNano() {
				times++
			}
			for _, column := range []string{"level", "host"} {
				if v, ok := row[column]; ok {
					got[column+" "+v.Str]++
				}
			}
		}
		if timed && times != 2000 || !timed && times != 0 {
			t.Errorf("%s: %d rows have a time", name, times)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, want)
		}
	}
	f("Android", LinePlain, true, 5, 0)
	f("Apache", LineApacheError, true, 6, 0)
	f("BGL", LinePlain, true, 9, 4)
	f("HDFS", LinePlain, true, 4, 0)
	f("HPC", LinePlain, false, 0, 0)
	f("Hadoop", LinePlain, true, 3, 0)
	f("HealthApp", LinePlain, true, 0, 0)
	f("Linux", LineSyslog3164, true, 0, 4)
	f("Mac", LineSyslog3164, true, 0, 4)
	f("OpenSSH", LineSyslog3164, true, 0, 4)
	f("OpenStack", LinePlain, true, 5, 0)
	f("Proxifier", LinePlain, true, 0, 0)
	f("Spark", LinePlain, true, 3, 0)
	f("Thunderbird", LinePlain, true, 0, 4)
	f("Windows", LinePlain, true, 3, 0)
	f("Zookeeper", LinePlain, true, 4, 0)
}

// FuzzLines: every line of every format becomes one object of JSON, or nothing
// if it is blank.
func FuzzLines(f *testing.F) {
	for i, line := range []string{
		`level=info msg="x\ny" a`, `1.2.3.4 - - [22/Nov/2026:10:00:00 +0000] "GET /?a HTTP/1.1" 200 5 "-" "a\"b" "x" 0.1 k="v" z`,
		`2026/11/22 10:00:00 [error] 12#34: *56 x, client: 1, request: "y", host: z`, `[Wed Oct 11 14:32:52.1 2000] [core:error] [pid 1:tid 2] x`,
		`<34>Oct 11 22:14:15 h su[7]: x`, `<165>1 2003-10-11T22:14:15Z h a - - [e a="3"] x`, "\xff\x00 081109 203615 148 INFO x", "[10.30 16:49:06] y",
		"I1120 10:00:00.123456 1 x", "- 1117838570 2005.06.03 R02 INFO", "20171224-0:28:0:83|x",
	} {
		f.Add([]byte(line), uint8(i))
	}
	f.Fuzz(func(t *testing.T, line []byte, format uint8) {
		if strings.ContainsAny(string(line), "\n\r") {
			return
		}
		p := NewLineParser(LineFormat(format%uint8(LineJSON)), fixedNow)
		out, ok := p.AppendJSON(nil, line)
		if !ok {
			if len(strings.TrimSpace(string(line))) != 0 {
				t.Errorf("%q is lost", line)
			}
			return
		}
		if !json.Valid(out) {
			t.Errorf("%q became %s", line, out)
		}
		DetectFormat(line)
		chunks, err := chunksOf(strings.NewReader(string(out)), testOptions(JSON))
		if err != nil || len(chunks) != 1 || chunks[0].Accepted+chunks[0].Rejected != 1 {
			t.Errorf("%q became %s: %v", line, out, err)
		}
	})
}

func BenchmarkLines(b *testing.B) {
	for _, line := range []struct {
		format LineFormat
		text   string
	}{
		{LineLogfmt, `time=2026-11-22T10:00:00Z level=info msg="request served" path=/pay ms=31 status=200`},
		{LineAccess, `127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET /pay?id=7 HTTP/1.1" 200 2326 "-" "curl/8.1" 0.031`},
		{LineSyslog3164, `Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster from 173.234.31.186`},
		{LinePlain, `2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181] - Notification time out: 3200`},
	} {
		b.Run(line.format.String(), func(b *testing.B) {
			p := NewLineParser(line.format, fixedNow)
			b.SetBytes(int64(len(line.text)))
			b.ReportAllocs()
			var out []byte
			for b.Loop() {
				var ok bool
				if out, ok = p.AppendJSON(out[:0], []byte(line.text)); !ok {
					b.Fatal("no row")
				}
			}
		})
	}
}
