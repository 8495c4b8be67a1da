package query

import (
	"strings"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// foldSQL binds an expression of constants and returns its value as JSON, its
// type and the warnings.
func foldSQL(t *testing.T, expr string) (value string, typ storage.Type, warnings string) {
	t.Helper()
	q := &Query{SQL: "SELECT " + expr + " AS x FROM t", Now: 1_700_000_000_000_000_000, Schema: Schema{}}
	plan, err := q.Plan()
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	b := plan.Outputs[0].Expr
	if b.Op != OpConst {
		t.Fatalf("%s is not folded", expr)
	}
	return string(AppendJSONValue(nil, b.Const)), b.Type, strings.Join(plan.Warnings, "; ")
}

// expects returns a check that an expression has a value, as JSON, without a warning.
func expects(t *testing.T) func(expr, want string) {
	return func(expr, want string) {
		t.Helper()
		got, _, warnings := foldSQL(t, expr)
		if got != want || warnings != "" {
			t.Errorf("%s = %s, want %s %s", expr, got, want, warnings)
		}
	}
}

func TestExpressions(t *testing.T) {
	f := expects(t)
	// Arithmetic: integers truncate, the remainder has the dividend's sign.
	f("7 / 2", "3")
	f("-7 / 2", "-3")
	f("-7 % 2", "-1")
	f("7 % -2", "1")
	f("7 / 2.0", "3.5")
	f("-7.5 % 2", "-1.5")
	f("1 + '2'", "3")
	f("'2.5' * 2", "5")
	f("'2 ' * 2", "null")
	f("'0x10' + 1", "null")
	f("'1_000' + 1", "null")
	f("null + 1", "null")
	f("- - 3", "3")
	f("9223372036854775807 + 0", "9223372036854775807")
	f("1e300 * 10", "1e+301")
	f("0.1 + 0.2", "0.30000000000000004")
	f("-0.0", "0")
	// Three-valued logic.
	f("null AND false", "false")
	f("null AND true", "null")
	f("null OR true", "true")
	f("null OR false", "null")
	f("NOT null", "null")
	f("null = null", "null")
	f("null IS NULL", "true")
	f("1 IN (2, null)", "null")
	f("2 IN (2, null)", "true")
	f("1 NOT IN (2, 3)", "true")
	f("null IN (1)", "null")
	f("2 BETWEEN 1 AND 2", "true")
	f("3 BETWEEN null AND 2", "false")
	f("2 BETWEEN null AND 2", "null")
	f("0 BETWEEN 1 AND null", "false")
	f("0 NOT BETWEEN 1 AND null", "true")
	f("9 IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)", "true")
	f("11 IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)", "false")
}

func TestTextFunctions(t *testing.T) {
	f := expects(t)
	f("'a' || 1 || true || 2.50", `"a1true2.5"`)
	f("'a' || null", "null")
	f("concat('a', null, 1)", `"a1"`)
	f("lower('ÀÉİ')", `"àéi"`)
	f("upper('straße')", `"STRAßE"`) // simple mapping: one code point for one
	f("length('añb')", "3")
	f("length(1234)", "4")
	f("length(null)", "null")
	f("trim('  a b  ')", `"a b"`)
	f("replace('aXbX', 'X', 'yy')", `"ayybyy"`)
	f("replace('ab', '', 'x')", `"ab"`)
	f("substr('añbc', 2)", `"ñbc"`)
	f("substr('añbc', 2, 2)", `"ñb"`)
	f("substr('abc', 0, 2)", `"a"`)
	f("substr('abc', -1, 3)", `"a"`)
	f("substr('abc', -5, 3)", `""`)
	f("substr('abc', 9, 3)", `""`)
	f("substr('abc', 2, 9223372036854775807)", `"bc"`)
	f("split_part('a,b,c', ',', 2)", `"b"`)
	f("split_part('a,b,c', ',', 9)", `""`)
	f("split_part('a,b,c', ',', -1)", `"c"`)
	f("split_part('a,b,c', ',', -3)", `"a"`)
	f("split_part('a,b,c', ',', -4)", `""`)
	f("split_part('abc', '', 1)", `"abc"`)
	f("split_part('abc', ',', 1)", `"abc"`)
	f("starts_with('abc', 'ab')", "true")
	f("ends_with('abc', 'ab')", "false")
	f("contains('abc', '')", "true")
	f("contains(null, 'a')", "null")
	f("regexp_extract('took 12ms', '([0-9]+)ms')", `"12"`)
	f("regexp_extract('took 12ms', '[0-9]+ms')", `"12ms"`)
	f("regexp_extract('took', '[0-9]+')", "null")
	f("regexp_extract('b', '(a)|b')", "null")
	f(`regexp_replace('a1b22', '[0-9]+', '<\0>')`, `"a<1>b22"`)
	f(`regexp_replace('a1b22', '([0-9])([0-9])?', '\2\1', 'g')`, `"a1b22"`)
	f(`regexp_replace('xAxa', 'a', '$1\\', 'gi')`, `"x$1\\x$1\\"`)
	f("regexp_replace('aaa', '', '-', 'g')", `"-a-a-a-"`)
	f("typeof(1)", `"int64"`)
	f("typeof(null)", `"null"`)
}

func TestNumberFunctions(t *testing.T) {
	f := expects(t)
	f("abs(-3)", "3")
	f("abs(-2.5)", "2.5")
	f("ceil(1.2)", "2")
	f("floor(-1.2)", "-2")
	f("ceil(7)", "7")
	f("round(2.5)", "3")
	f("round(-2.5)", "-3")
	f("round(2.345, 2)", "2.35")
	f("round(1250, -2)", "1300")
	f("round(-1250, -2)", "-1300")
	f("round(1249, -2)", "1200")
	f("round(7, 2)", "7")
	f("round(1234.5, -2)", "1200")
	f("round(1e300, 300)", "1e+300")
	f("round(5, -30)", "0")
	f("sqrt(2.25)", "1.5")
	f("ln(1)", "0")
	f("log10(1000)", "3")
	f("exp(0)", "1")
	f("power(2, 10)", "1024")
	f("bucket(17, 5)", "15")
	f("bucket(-1, 5)", "-5")
	f("bucket(7.5, 2)", "6")
	f("greatest(1, null, 3, 2)", "3")
	f("least(1.5, 2)", "1.5")
	f("greatest(1, 'b')", `"b"`)
	f("coalesce(null, null, 2)", "2")
	f("nullif(1, 1)", "null")
	f("nullif(1, 2)", "1")
	f("if(1 < 2, 'a', 'b')", `"a"`)
	f("if(null, 1, 2.5)", "2.5")
	f("if(true, 1, 2.5)", "1")
	f("CASE WHEN null THEN 1 WHEN true THEN 2 ELSE 3 END", "2")
	f("CASE 3 WHEN 1 THEN 'a' WHEN 3 THEN 'c' END", `"c"`)
	f("CASE 4 WHEN 1 THEN 'a' END", "null")
}

func TestTimeAndJSONFunctions(t *testing.T) {
	f := expects(t)
	f("extract(year from '2026-11-22T10:20:30.5Z'::time)", "2026")
	f("extract(quarter from '2026-11-22T10:20:30.5Z'::time)", "4")
	f("extract(week from '2026-01-01'::time)", "1")
	f("extract(dow from '2026-11-22'::time)", "0")
	f("extract(isodow from '2026-11-22'::time)", "7")
	f("extract(doy from '2026-12-31'::time)", "365")
	f("extract(second from '2026-11-22T10:20:30.5Z'::time)", "30")
	f("extract(epoch from '1970-01-01T00:00:01.5Z'::time)", "1.5")
	f("epoch('1969-12-31T23:59:59.75Z'::time)", "-0.25")
	f("to_timestamp(1.5)", `"1970-01-01T00:00:01.5Z"`)
	f("to_timestamp(-1)", `"1969-12-31T23:59:59Z"`)
	f("date_trunc('hour', '2026-11-22T10:20:30Z'::time)", `"2026-11-22T10:00:00Z"`)
	f("date_trunc('week', '2026-11-22T10:20:30Z'::time)", `"2026-11-16T00:00:00Z"`) // a Monday
	f("date_trunc('week', '1970-01-02'::time)", `"1969-12-29T00:00:00Z"`)
	f("date_trunc('month', '1969-11-22'::time)", `"1969-11-01T00:00:00Z"`)
	f("date_trunc('quarter', '2026-11-22'::time)", `"2026-10-01T00:00:00Z"`)
	f("date_trunc('year', '2026-11-22'::time)", `"2026-01-01T00:00:00Z"`)
	f("time_bucket('7m', '1969-12-31T23:59:00Z'::time)", `"1969-12-31T23:53:00Z"`)
	f("'2026-11-22T10:00:00Z'::time - '2026-11-22T09:59:58.5Z'::time", "1.5")
	f("'2026-11-22T10:00:00Z'::time - 90s", `"2026-11-22T09:58:30Z"`)
	f("'2026-11-22T10:00:00Z'::time + 250ms", `"2026-11-22T10:00:00.25Z"`)
	f("to_timestamp(1) - 1s = to_timestamp(0)", "true")
	// JSON.
	f(`json_extract('{"a": {"b": [1, "x", null]}}', '$.a.b[1]')`, `"x"`)
	f(`json_extract('{"a": {"b": [1, "x", null]}}', 'a.b')`, `"[1,\"x\",null]"`)
	f(`json_extract('{"a": {"b": [1, "x", null]}}', 'a.b[2]')`, "null")
	f(`json_extract('{"a": {"b": [1, "x", null]}}', 'a.b[9]')`, "null")
	f(`json_extract('{"a.b": 7}', '["a.b"]')`, `"7"`)
	f(`json_extract('no', 'a')`, "null")
	f(`json_extract('[[5]]', '$[0][0]')`, `"5"`)
}

func TestWarnings(t *testing.T) {
	f := func(expr string, want Warning) {
		t.Helper()
		got, _, warnings := foldSQL(t, expr)
		if got != "null" || warnings != strings.Join(want.Texts(), "; ") || want == 0 {
			t.Errorf("%s = %s with %q, want null with %q", expr, got, warnings, want.Texts())
		}
	}
	f("9223372036854775807 + 1", WarnOverflow)
	f("-9223372036854775807 - 2", WarnOverflow)
	f("3037000500 * 3037000500", WarnOverflow)
	f("(-9223372036854775807 - 1) / -1", WarnOverflow)
	f("-(-9223372036854775807 - 1)", WarnOverflow)
	f("abs(-9223372036854775807 - 1)", WarnOverflow)
	f("round(9223372036854775807, -3)", WarnOverflow)
	f("round(9223372036854775807, -19)", WarnOverflow)
	f("bucket(-9223372036854775807, 10)", WarnOverflow)
	f("to_timestamp(9223372036854775807)", WarnOverflow)
	f("now() + 3500mo", WarnOverflow)
	f("now() - 3504mo - 3504mo", WarnOverflow)
	f("'2262-04-11T00:00:00Z'::time + INTERVAL '-1 month 60 days'", WarnOverflow)
	f("1 / 0", WarnDivZero)
	f("1.5 / 0", WarnDivZero)
	f("1 % 0", WarnDivZero)
	f("bucket(1, 0)", WarnDivZero)
	f("ln(0)", WarnDomain)
	f("ln(-1)", WarnDomain)
	f("log10(0)", WarnDomain)
	f("sqrt(-1)", WarnDomain)
	f("power(0, -1)", WarnDomain)
	f("power(-1, 0.5)", WarnDomain)
	f("'2.5'::int64", WarnCast)
	f("'maybe'::bool", WarnCast)
	f("'soon'::time", WarnCast)
	f("1e30::int64", WarnCast)
	f("'NaN'::float64::int64", WarnCast)
	f("substr('abc', 1, -1)", WarnArgument)
	f("split_part('abc', 'b', 0)", WarnArgument)
}

func TestCasts(t *testing.T) {
	f := expects(t)
	f("2.5::int64", "3")
	f("-2.5::int64", "-3")
	f("'+42'::int64", "42")
	f("true::int64", "1")
	f("'1e3'::float64", "1000")
	f("'-Infinity'::float64", `"-Infinity"`)
	f("'nan'::float64", `"NaN"`)
	f("3.0::string", `"3"`)
	f("2.50::string", `"2.5"`)
	f("1e300::string", `"1e+300"`)
	f("1e15::string", `"1e+15"`)
	f("123456789012345.0::string", `"123456789012345"`)
	f("0.0001::string", `"0.0001"`)
	f("0.00001::string", `"1e-05"`)
	f("true::string", `"true"`)
	f("0::bool", "false")
	f("'YES'::bool", "true")
	f("'2026-11-22 10:00'::time", `"2026-11-22T10:00:00Z"`)
	f("'2026-11-22T10:00:00.123456789+02:00'::time", `"2026-11-22T08:00:00.123456789Z"`)
	f("'2026-11-22'::time::string", `"2026-11-22T00:00:00Z"`)
	f("null::int64", "null")
}

func TestFunctionTable(t *testing.T) {
	names := FunctionNames()
	for i, name := range names {
		f, ok := LookupFunction(name)
		if !ok || f.Name != name {
			t.Errorf("%s is in the table and not found: is the table sorted?", name)
		}
		if i > 0 && names[i-1] >= name {
			t.Errorf("%s stands after %s", name, names[i-1])
		}
	}
	if _, ok := LookupFunction("nope"); ok {
		t.Error("found a function that is not there")
	}
}

// Functions prepared for constants and functions that are not give the same.
func TestPreparedIsTheSame(t *testing.T) {
	f := func(name string, args ...storage.Value) {
		t.Helper()
		fn, _ := LookupFunction(name)
		var bound []*Bound
		for _, v := range args {
			bound = append(bound, &Bound{Op: OpConst, Type: v.Type, Const: v})
		}
		prepared, err := fn.Prepare(bound)
		if err != nil {
			t.Fatal(err)
		}
		got, want := prepared.Eval(args), fn.Eval(args)
		if Order(got, want) != 0 || got.IsNull() {
			t.Errorf("%s%v: prepared %v, else %v", name, args, got, want)
		}
	}
	s := storage.String
	f("regexp_extract", s("a1"), s("[0-9]"))
	f("regexp_replace", s("a1"), s("[0-9]"), s("x"), s("g"))
	f("json_extract", s(`{"a":1}`), s("a"))
	f("extract", s("year"), storage.Time(0))
	f("time_bucket", s("3mo"), storage.Time(1e18))
	f("time_bucket", s("1w"), storage.Time(1e18))
}

func TestPrepareRefuses(t *testing.T) {
	f := func(expr string) {
		t.Helper()
		q := &Query{SQL: "SELECT " + expr + " FROM t", Schema: Schema{"s": storage.TypeSet(0).With(storage.TypeString)}}
		if _, err := q.Plan(); err == nil {
			t.Errorf("%s is taken", expr)
		}
	}
	f("regexp_extract(s, '(')")
	f("regexp_replace(s, '(', '')")
	f("regexp_replace(s, 'a', '', 'x')")
	f("extract(fortnight from time)")
	f("json_extract(s, 'a[x]')")
	f("json_extract(s, '[\"a')")
	f("abs(time)")
	f("epoch(1)")
	f("if(1, 2, 3)")
}

// warningRow is a row of numbered columns that notes warnings.
type warningRow struct {
	columns  []storage.Value
	warnings Warning
}

func (r *warningRow) Column(i int) storage.Value { return r.columns[i] }
func (r *warningRow) Key(int) storage.Value      { panic("BUG: no keys here") }
func (r *warningRow) Agg(int) storage.Value      { panic("BUG: no aggregates here") }
func (r *warningRow) Warn(w Warning)             { r.warnings |= w }

// What decides is all that is computed: a guarded division warns of nothing.
func TestLazy(t *testing.T) {
	f := func(expr string) {
		t.Helper()
		q := &Query{SQL: "SELECT " + expr + " FROM t", Schema: Schema{"n": storage.TypeSet(0).With(storage.TypeInt64)}}
		plan, err := q.Plan()
		if err != nil {
			t.Fatal(err)
		}
		row := &warningRow{columns: []storage.Value{storage.Int(0)}}
		if v := plan.Outputs[0].Expr.Eval(row); v.Int != 7 || row.warnings != 0 {
			t.Errorf("%s = %v with %q", expr, v, row.warnings.Texts())
		}
	}
	f("if(n = 0, 7, 1 / n)")
	f("coalesce(n + 7, 1 / n)")
	f("CASE WHEN n = 0 THEN 7 ELSE 1 / n END")
	f("CASE WHEN n = 0 OR 1 / n > 0 THEN 7 END")
}

// A column that holds integers and floats counts as float64, one that holds
// numbers and text as text, whatever the row at hand holds.
func TestMixedColumns(t *testing.T) {
	types := func(ts ...storage.Type) (s storage.TypeSet) {
		for _, t := range ts {
			s = s.With(t)
		}
		return s
	}
	schema := Schema{
		"f": types(storage.TypeInt64, storage.TypeFloat64),
		"m": types(storage.TypeInt64, storage.TypeString),
		"l": types(storage.TypeString, storage.TypeList),
	}
	f := func(expr string, v storage.Value, want string) {
		t.Helper()
		q := &Query{SQL: "SELECT " + expr + " FROM t", Schema: schema}
		plan, err := q.Plan()
		if err != nil {
			t.Fatal(err)
		}
		got := plan.Outputs[0].Expr.Eval(&warningRow{columns: []storage.Value{v, v, v}})
		if text := string(AppendJSONValue(nil, got)); text != want {
			t.Errorf("%s of %v = %s, want %s", expr, v, text, want)
		}
	}
	f("f / 2", storage.Int(7), "3.5")
	f("f / 2", storage.Float(7), "3.5")
	f("typeof(f)", storage.Int(7), `"float64"`) // a block that has both stores floats only
	f("m < 9", storage.Int(10), "true")         // as text
	f("m = 10", storage.Int(10), "true")
	f("m + 1", storage.Int(10), "11")
	f("m + 1", storage.String("10"), "11")
	f("m + 1", storage.String("ten"), "null")
	f("m / 2", storage.String("7"), "3.5")
	f("m / 2", storage.Int(7), "3.5")
	f("typeof(m)", storage.Int(7), `"int64"`)
	f("greatest(m, '9')", storage.Int(10), `"9"`)
	f("l HAS 'a'", storage.List([]string{"b", "a"}), "true")
	f("l HAS 'a'", storage.String("a"), "true")
	f("l HAS 'a'", storage.Value{}, "false")
	f("l HAS NONE ('a')", storage.Value{}, "true")
	f("l HAS ALL ('a', 'b')", storage.List([]string{"b", "a"}), "true")
	f("l HAS ALL ('a', 'c')", storage.List([]string{"b", "a"}), "false")
	f("l HAS ANY ('x', 'c')", storage.List([]string{"b", "a"}), "false")
	f("l[2]", storage.List([]string{"b", "a"}), `"a"`)
	f("l[3]", storage.List([]string{"b", "a"}), "null")
	f("l[0]", storage.List([]string{"b", "a"}), "null")
	f("l[1]", storage.String("b"), `"b"`)
	f("length(l)", storage.List([]string{"b", "a"}), "2")
	f("length(l)", storage.List([]string{}), "0")
}
