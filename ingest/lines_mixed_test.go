package ingest

import "testing"

// Each line is taken by the format that knows it, whatever its neighbours are.
func TestLinesMixed(t *testing.T) {
	f := lineChecker(t, LineMixed)
	plain := func(line string) {
		t.Helper()
		f(line, `{"message":"`+line+`"}`)
	}
	f(`<34>Oct 11 22:14:15 h su[77]: x`, `{"time":"2026-10-11T22:14:15Z","facility":"auth","level":"crit","host":"h","app":"su","pid":77,"message":"x"}`)
	f(`<165>1 2003-10-11T22:14:15Z h a - ID47 - An event`,
		`{"time":"2003-10-11T22:14:15Z","facility":"local4","level":"notice","host":"h","app":"a","msgid":"ID47","message":"An event"}`)
	plain(`plain words here`)
	f(`level=info msg="it works" n=3`, `{"level":"info","msg":"it works","n":3}`)
	f(`1.2.3.4 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5`,
		`{"time":"2026-11-22T10:00:00Z","remote_addr":"1.2.3.4","method":"GET","path":"/","protocol":"HTTP/1.1","status":200,"bytes":5}`)
	f(`2026/11/22 10:00:00 [error] 12#34: x`, `{"time":"2026-11-22T10:00:00Z","level":"error","pid":12,"tid":34,"message":"x"}`)
	f(`[Sun Dec 04 04:47:44 2005] [error] x`, `{"time":"2005-12-04T04:47:44Z","level":"error","message":"x"}`)
	f(`{"a": {"b": 1}}`, `{"a": {"b": 1}}`)
	f(`2026-11-22T01:02:03Z ERROR x`, `{"time":"2026-11-22T01:02:03Z","level":"ERROR","message":"2026-11-22T01:02:03Z ERROR x"}`)
	f(`{"a": 1`, `{"message":"{\"a\": 1"}`)
	f(`a="b" "c"`, `{"message":"a=\"b\" \"c\""}`)
	f(`a="b"c`, `{"message":"a=\"b\"c"}`)
	f(`a="b`, `{"message":"a=\"b"}`)

	// What might be logfmt, and is hardly meant so.
	plain(`x=1 is what we want`)
	plain(`https://host/?a=b`)
	plain(`YWJj==`)
	plain(`YWJj=`)
	plain(`a==b`)
	plain(`1+1=2`)
	f(`x=1`, `{"x":1}`)
	f(" \t", `nothing`)
}
