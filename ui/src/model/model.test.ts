import { describe, expect, test } from "vitest";
import type { Answer } from "../api/types";
import { boxCondition, measured, parseBox, printBox } from "./box";
import { addFilter, condition, conjuncts, invert, parsePill, printPill } from "./filter";
import { cells, marks, partsOf, scaleOf } from "./histogram";
import { changeText, numberText, percentText } from "./number";
import { light, slots } from "./palette";
import { parseSQL } from "./parse";
import { conditionOf } from "./search";
import { printSQL, seriesSQL, totalsSQL } from "./sql";
import { chartOf, fullSpan } from "./series";
import { fromAddress, gapRules, initial, sampleSizes, toAddress, views, type State } from "./state";
import { together } from "./together";
import { agoText, durationMs, spanText } from "./time";

/** chance is a small generator, so that a failure can be had again. */
function chance(seed: number) {
  const next = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)];
  const some = <T>(from: readonly T[], most: number): T[] => from.filter(() => next() < most / from.length);
  return { next, pick, some };
}

const columns = ["service", "http.status", '"odd name"', '"SELECT"', '"a""b"', "größe", "split_part(host, '-', 2)"];
const filters = [
  "service = 'api'", "service IN ('api', 'it''s', 'a,b')", "status >= 500", "ms < -1.5", "tags HAS 'beta'", "NOT (a = 1 AND b = 2)",
  "error IS NOT NULL", "message ~ 'AND (x|y)'", "a = 1 OR b = 2", `"odd name" != 'x'`, "ok = true", "lower(host) = 'x'", "version NOT LIKE '4.%'",
];

function generated(seed: number): State {
  const { next, pick, some } = chance(seed);
  const s = initial(pick(["shop", "a-b", "_kelp.queries", "select", "über"]));
  s.view = pick(views);
  s.from = pick(["-1h", "-15m", "-1.5h", "", "2026-11-22T10:00:00.000Z"]);
  s.to = s.from.startsWith("2026") && next() < 0.5 ? "2026-11-22T11:00:00.000Z" : "";
  s.tz = pick(["UTC", "Europe/Berlin"]);
  s.compare = pick(["", "1h", "1w"]);
  s.show = some(["count()", "p99(ms)", "count_if(status >= 500)", "avg(\"odd name\")", "uniq(user) FILTER (WHERE a IN (1, 2))"], 2);
  if (s.show.length === 0) s.show = ["count()"];
  s.by = some(columns, 2);
  s.top = pick([1, 10, 500]);
  s.other = next() < 0.5;
  s.where = some(filters, 3);
  s.step = pick(["auto", "1m", "1d"]);
  s.gaps = pick(gapRules);
  s.raw = next() < 0.2;
  s.live = next() < 0.5;
  s.rows = pick(sampleSizes);
  s.value = pick(["ms", '"odd name"']);
  s.sort = s.by.length > 0 ? pick(["", `${s.show[0]} ASC`, `${s.show[0]} DESC`]) : "";
  return s;
}

describe("a state", () => {
  test("is its address, and its address is the state", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const s = generated(seed);
      const [path, search] = toAddress(s).split(/\?(.*)/s);
      expect(fromAddress(path, search ?? ""), `seed ${seed}`).toEqual(s);
    }
  });
  test("of an address with nonsense is the usual one", () => {
    const s = fromAddress("/x/shop", "view=no&from=never&to=x&top=-1&top=5&gaps=7&step=z&tz=Mars&compare=abc&box=1~2")!;
    expect(s).toEqual(initial("shop"));
    expect(fromAddress("/queries", "")).toBeNull();
  });
  test("goes to SQL and back without a loss", () => {
    for (let seed = 1; seed <= 400; seed++) {
      const s = generated(seed);
      expect(parseSQL(printSQL(s), s), `seed ${seed}: ${printSQL(s)}`).toEqual(s);
    }
  });
  test("survives its SQL in the knobs that the SQL can say, whatever was there before", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const s = generated(seed);
      const back = parseSQL(printSQL(s), initial("other"))!;
      expect(back, `seed ${seed}: ${printSQL(s)}`).not.toBeNull();
      expect(printSQL(back), `seed ${seed}`).toBe(printSQL(s));
    }
  });
});

test("SQL of the views", () => {
  const s = { ...initial("shop"), by: ["service"], where: ["a = 1 OR b = 2", "c = 3"], compare: "1w", show: ["count()", "p99(ms)"] };
  expect(seriesSQL(s)).toBe("FROM shop LAST 1h SELECT time(auto), service, count(), p99(ms) WHERE (a = 1 OR b = 2) AND c = 3 GROUP BY ALL LIMIT 10 WITH OTHER COMPARE 1w");
  expect(totalsSQL({ ...s, where: [], sort: "p99(ms) DESC", from: "2026-11-22T10:00:00Z", raw: true }))
    .toBe("FROM shop SINCE '2026-11-22T10:00:00Z' SELECT service, count(), p99(ms) GROUP BY ALL ORDER BY p99(ms) DESC LIMIT 10 WITH OTHER COMPARE 1w RAW");
});

test("SQL flows into the knobs in any order of clauses, and not where it says more", () => {
  const base = initial("shop");
  const back = parseSQL("select count() from shop last 15m where status >= 500", base);
  expect(parseSQL("FROM shop LAST 1h SELECT time(1m), count() GROUP BY ALL FILL", base)).toMatchObject({ view: "time", step: "1m" });
  expect(parseSQL("FROM shop LAST 1h SELECT * LIMIT 2000", base)).toMatchObject({ view: "samples", rows: 2000 });
  expect(fromAddress("/x/shop", "rows=700")).toMatchObject({ rows: 500 });
  expect(back).toMatchObject({ view: "table", from: "-15m", where: ["status >= 500"], show: ["count()"] });
  for (const more of [
    "SELECT count() AS n FROM shop", "FROM shop SELECT count() HAVING count() > 1", "WITH a AS b FROM shop SELECT count()", "SHOW TABLES",
    "FROM shop SELECT a, count() GROUP BY a LIMIT 5 OFFSET 2", "FROM shop SELECT count(), a GROUP BY ALL", "FROM shop SELECT 'x", "FROM shop SELECT count() LIMIT 5",
    "SELECT count(), FROM shop WITHIN 1s", "FROM shop LAST 1h SELECT * LIMIT 5", "FROM shop SELECT count()) FILL",
  ]) expect(parseSQL(more, base), more).toBeNull();
});

test("filters", () => {
  for (const f of ["a = 'x'", "a NOT IN (1, -2.5)", "a IS NULL", '"SELECT" !~ \'^x\'', "tags HAS 'beta'"]) expect(printPill(parsePill(f)!)).toBe(f);
  for (const f of ["f(a) = 1", "a = b", "a BETWEEN 1 AND 2", "a = 1 OR b = 2", "a", "SELECT = 1", "a = 5m", "a = 'x"]) expect(parsePill(f), f).toBeNull();
  expect(condition("a b", "it's", true)).toBe(`"a b" = 'it''s'`);
  expect(condition("a", null, false)).toBe("a IS NOT NULL");
  expect(condition("tags", ["x", "y"], true)).toBe("tags HAS 'x' AND tags HAS 'y'");
  expect(addFilter(["a = 1", "b = 2"], "a = 3")).toEqual(["b = 2", "a = 3"]);
  expect(addFilter(["a != 1"], "a != 2")).toEqual(["a NOT IN (1, 2)"]);
  expect(addFilter(["a NOT IN (1, 2)"], "a != 2")).toEqual(["a NOT IN (1, 2)"]);
  expect(addFilter(["a != 1", "a > 0"], "a = 1")).toEqual(["a > 0", "a = 1"]);
  expect(addFilter(["a = 1"], "a != 1")).toEqual(["a != 1"]);
  for (const f of [...filters]) expect(invert(invert(f)).replaceAll("==", "="), f).toBe(f);
  expect(conjuncts("a = 'x AND y' AND (b = 1 AND c = 2) AND d IN (1)")).toEqual(["a = 'x AND y'", "(b = 1 AND c = 2)", "d IN (1)"]);
});

test("a comment at the end of one takes nothing of the others away", () => {
  const f = (...where: string[]) => printSQL(fromAddress("/x/shop", new URLSearchParams([["view", "table"], ...where.map((w) => ["f", w])]).toString())!);
  expect(f("a = 1 -- x", "b = 2")).toBe("FROM shop LAST 1h SELECT count() WHERE a = 1 AND b = 2");
  expect(f("a = 1 /* x", "b = '--' /* y */", "-- z")).toBe("FROM shop LAST 1h SELECT count() WHERE a = 1 AND b = '--'");
  expect(fromAddress("/x/shop", "by=a+--+x&show=count()--&sort=a--")).toMatchObject({ by: ["a"], show: ["count()"], sort: "a" });
});

test("two answers in one picture are as complete as the worse", () => {
  const one = (ratio: number, leaf: string, more: object = {}): Answer => ({
    rows: [], truncated: null, compare: null, approximate: [], warnings: [leaf], ...more,
    completeness: { ratio, exact: ratio > 0.5, rows_expected: 0, rows_covered: 0, leaves: { total: 2, answered: ratio < 1 ? 1 : 2, missing: ratio < 1 ? [{ leaf, reason: "down" }] : [] } },
  } as unknown as Answer);
  const whole = one(1, "a"), poor = one(0.5, "b", { truncated: { by: "rows", limit: 1, kept: 1 } });
  for (const [a, b] of [[whole, poor], [poor, whole]])
    expect(together(a, b)).toMatchObject({ truncated: { by: "rows" }, completeness: { ratio: 0.5, exact: false, leaves: { answered: 1, missing: [{ leaf: "b" }] } } });
  expect(together(whole, poor)!.warnings).toEqual(["a", "b"]);
  expect(together(one(0.9, "a"), poor)!.completeness.leaves.missing.map((m) => m.leaf)).toEqual(["a", "b"]);
  expect([together(null, poor), together(whole, null)]).toEqual([null, whole]);
});

test("the search line", () => {
  const known = [{ name: "service", types: { string: 1 }, nulls: 0, distinct: 9, bytes: 0 }, { name: "message", types: { string: 1 }, nulls: 0, distinct: 9, bytes: 0 },
    { name: "zip", types: { string: 1 }, nulls: 0, distinct: 9, bytes: 0 }];
  const f = (typed: string, want: string) => expect(conditionOf(typed, known), typed).toBe(want);
  f("service:api", "service = 'api'");
  f("-service:api", "service != 'api'");
  f('service:"a b"', "service = 'a b'");
  f("zip:0123", "zip = '0123'");
  f("status:>=500", "status >= 500");
  f('"time out"', "message ILIKE '%time out%'");
  f("50%_x", "50%_x");
  f("error", "message ILIKE '%error%'");
  f("a_b", "message ILIKE '%a\\_b%'");
  f("status >= 500", "status >= 500");
});

test("boxes", () => {
  const box = { from: 1_763_800_000_000, to: 1_763_800_600_000, column: "a~b", lo: 0.25, hi: 1200 };
  expect(parseBox(printBox(box))).toEqual(box);
  expect(boxCondition(box)).toBe(`time >= '2025-11-22T08:26:40.000Z' AND time < '2025-11-22T08:36:40.000Z' AND "a~b" >= 0.25 AND "a~b" <= 1200`);
  for (const bad of ["", "a~b", printBox({ ...box, lo: 5, hi: 5 }), printBox({ ...box, to: box.from })]) expect(parseBox(bad), bad).toBeNull();
  expect([measured("p99(ms)"), measured('max("a b")'), measured("count()"), measured("avg(a + b)"), measured("percentile(ms, 0.9)")]).toEqual(["ms", "a b", "", "", "ms"]);
});

test("colours are steady, and no two of ten are alike", () => {
  const keys = ["web", "api", "search", "cart", "auth", "inventory", "payment", "checkout", "shipping", "email"];
  const ten = slots(keys);
  expect(new Set(ten.values()).size).toBe(10);
  expect(slots([...keys].reverse())).toEqual(ten);
  expect(Math.max(...slots([...keys, "x", "y"]).values())).toBeGreaterThanOrEqual(light.length);
  expect(slots(["api"]).get("api")).toBe(slots(["api", "web"]).get("api"));
});

test("texts of numbers and times", () => {
  expect([numberText(41220), numberText(0.123456), numberText(691.98123)]).toEqual(["41,220", "0.1235", "691.98"]);
  expect([percentText(1), percentText(0.99999), percentText(0.9931)]).toEqual(["100%", "99.99%", "99.31%"]);
  expect([changeText(0.12), changeText(-0.034), changeText(null), changeText(8.12)]).toEqual(["+12%", "−3.4%", "–", "+812%"]);
  expect([spanText(90_000), spanText(15_000), spanText(604_800_000)]).toEqual(["1.5m", "15s", "7d"]);
  expect([durationMs("1.5h"), durationMs("3mo"), durationMs("x")]).toEqual([5_400_000, 7_776_000_000, NaN]);
  expect(agoText("2026-11-22T10:00:00Z", Date.parse("2026-11-22T10:03:30Z"))).toBe("3m");
});

test("histograms", () => {
  const parts = partsOf('[[0,0,3],[1,2,5],[2,4,1],["Infinity","Infinity",2]]');
  expect(parts).toEqual([{ lo: 0, hi: 0, events: 3 }, { lo: 1, hi: 2, events: 5 }, { lo: 2, hi: 4, events: 1 }]);
  const scale = scaleOf(parts);
  expect([scale.at(0), scale.at(1), scale.at(2), scale.at(4), scale.value(0.5)]).toEqual([0, 0, 0.5, 1, 2]);
  expect(marks(scale)).toEqual([1, 2]);
  // Nothing is lost or made when parts are spread, whatever their width.
  expect(cells(parts, scale, 4)).toEqual([3, 2.5, 2.5, 0.5, 0.5]);
  expect(cells(parts, scale, 1)).toEqual([3, 6]);
  expect(cells(parts, scale, 3).reduce((a, b) => a + b)).toBeCloseTo(9, 9);
});

describe("lines", () => {
  const minute = (i: number) => new Date(Date.UTC(2026, 10, 22, 10, i)).toISOString();
  const answer = (rows: (string | number | null)[][], more: object = {}): Answer => ({
    columns: [], rows, completeness: { ratio: 1, exact: true, rows_expected: 0, rows_covered: 0, leaves: { total: 1, answered: 1, missing: [] } },
    range: { from: minute(0).replace(":00.000", ":30.000"), to: minute(4) }, bucket: { column: "time(1m)", width_ms: 60_000 }, horizon: null, newest: null,
    stats: { rows_scanned: 0, rows_matched: 0, blocks_scanned: 0, blocks_pruned: 0, bytes_scanned: 0, elapsed_ms: 0 },
    approximate: [], truncated: null, other: null, compare: null, warnings: [], query_id: "", ...more,
  });
  const rows = [[minute(1), "a", 5, 1.5], [minute(1), null, 2, 9], [minute(3), "a", 7, 2.5]];

  test("have 0 for counts where there were no rows, and a gap for what no rows have", () => {
    const c = chartOf(answer(rows, { other: { rows: [1], groups: 3 } }), 1, ["count()", "p99(ms)"], "auto")!;
    expect(c.at.map((s) => new Date(s * 1000).toISOString())).toEqual([0, 1, 2, 3].map(minute));
    expect(c.panels[0].lines.map((l) => [l.label, l.now])).toEqual([["a", [0, 5, 0, 7]], ["Other (3)", [0, 2, 0, 0]]]);
    expect(c.panels[1].lines[0].now).toEqual([null, 1.5, null, 2.5]);
    expect(fullSpan(c)).toEqual([1, 3]); // the range begins within the first
    expect(chartOf(answer(rows), 1, ["count()", "p99(ms)"], "open")!.panels[0].lines[0].now).toEqual([null, 5, null, 7]);
  });
  test("have no 0 where rows are missing", () => {
    const partly = answer(rows);
    partly.completeness.by_time = [{ from: minute(2), to: minute(3), ratio: 0.5 }];
    expect(chartOf(partly, 1, ["count()", "p99(ms)"], "auto")!.panels[0].lines.find((l) => l.label === "a")!.now).toEqual([0, 5, null, 7]);
  });
  test("stand beside those of an earlier time", () => {
    const c = chartOf(answer([[minute(1), 5, 4, 0.25], [minute(2), 0, 3, -1]], { compare: { range: { from: null, to: null }, completeness: answer([]).completeness } }), 0, ["count()"], "auto")!;
    expect(c.panels[0].lines[0].before).toEqual([0, 4, 3, 0]);
    const torn = { range: { from: null, to: null }, completeness: { ...answer([]).completeness, ratio: 0.9 } };
    expect(chartOf(answer([[minute(1), 5, 4, 0.25]], { compare: torn }), 0, ["count()"], "auto")!.panels[0].lines[0].before).toEqual([null, 4, null, null]);
  });
});
