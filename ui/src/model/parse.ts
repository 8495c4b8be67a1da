// SQL as a state: what the knobs can say flows back into them.

import { conjuncts, isLoose } from "./filter";
import { depths, isOp, isWord, lex, splitAt, textOf, type Token } from "./lex";
import { printSQL } from "./sql";
import { initial, sampleSizes, topMax, type State } from "./state";
import { durationMs, isTime } from "./time";

const begins = ["FROM", "LAST", "SINCE", "UNTIL", "SELECT", "WHERE", "GROUP", "ORDER", "LIMIT", "FILL", "COMPARE", "RAW"];

/** others are clauses that no knob knows; those of the second kind may be columns too. */
const others = ["HAVING", "OFFSET", "SAMPLE", "WITHIN", "TIMEZONE"];

type Clauses = Map<string, Token[]>;

/** cut finds the clauses; null if one is there twice or is none that the knobs know. */
function cut(tokens: Token[]): Clauses | null {
  const depth = depths(tokens);
  if (!depth) return null;
  const out: Clauses = new Map();
  let now: Token[] | null = null;
  for (const [i, t] of tokens.entries()) {
    const word = t.kind === "word" ? t.text.toUpperCase() : "";
    if (depth[i] === 0 && others.includes(word) && tokens[i + 1] && !["op", "name"].includes(tokens[i + 1].kind)) return null;
    const called = isOp(tokens[i + 1], "(") && ["LAST", "FILL", "COMPARE", "RAW"].includes(word); // a function of that name
    if (depth[i] === 0 && begins.includes(word) && !called && !(isWord(tokens[i - 1], "FROM") || isOp(tokens[i - 1], ","))) {
      if (out.has(word)) return null;
      out.set(word, (now = []));
    } else if (now) {
      now.push(t);
    } else {
      return null;
    }
  }
  return out;
}

/**
 * parseSQL reads what the knobs can say, keeping of base what SQL has no word for (the
 * view where it fits, gaps, zone, live). Null: it says more than that.
 */
export function parseSQL(sql: string, base: State): State | null {
  const tokens = lex(sql.trim().replace(/;$/, ""));
  const text = sql.trim();
  const c = tokens && cut(tokens);
  if (!c) return null;
  const s = { ...initial(base.table), view: base.view, tz: base.tz, gaps: base.gaps, live: base.live, value: base.value, step: base.step,
    show: base.show, by: base.by, top: base.top, other: base.other, sort: base.sort, compare: base.compare, rows: base.rows };
  const from = c.get("FROM");
  if (from?.length !== 1 || from[0].kind === "string") return null;
  s.table = from[0].text;
  s.raw = c.has("RAW");
  s.where = conjuncts(textOf(text, c.get("WHERE") ?? [])).map((f, _, all) => (all.length > 1 ? unwrap(f) : f));
  if (!readRange(c, s) || !readSelect(text, c, s) || !readTail(text, c, s)) return null;
  return plain(printSQL(s)) === plain(text) || sameMeaning(text, s) ? s : null;
}

/** unwrap takes the parentheses off that printing has put around. */
const unwrap = (f: string) => {
  const inner = /^\((.*)\)$/s.exec(f)?.[1] ?? "";
  const tokens = lex(inner);
  return tokens && depths(tokens) && isLoose(inner) ? inner : f;
};

function readRange(c: Clauses, s: State): boolean {
  const last = c.get("LAST"), since = c.get("SINCE"), until = c.get("UNTIL");
  s.from = "";
  if (last) {
    if (since || until || last.length !== 1 || !(durationMs(last[0].text) > 0)) return false;
    s.from = "-" + last[0].text;
  }
  for (const [name, tokens] of [["from", since], ["to", until]] as const) {
    if (!tokens) continue;
    if (tokens.length !== 1 || tokens[0].kind !== "string" || !isTime(tokens[0].text)) return false;
    s[name] = tokens[0].text;
  }
  return true;
}

const isAggregate = (expr: string) =>
  /^(count|count_if|sum|avg|stddev|variance|median|p50|p90|p95|p99|p99_9|percentile|histogram|topk|rate|hits|min|max|first|last|any|arg_min|arg_max|uniq|uniq_exact)\s*\(/i.test(expr);

function readSelect(text: string, c: Clauses, s: State): boolean {
  const items = splitAt(c.get("SELECT") ?? [], (t) => isOp(t, ",")).map((part) => textOf(text, part)).filter(Boolean);
  if (items.length === 0 || items.some((i) => lex(i)?.some((t) => isWord(t, "AS")))) return false;
  const bucket = /^time\(([^)]*)\)$/i.exec(items[0])?.[1];
  if (bucket !== undefined) {
    if (bucket !== "auto" && !(durationMs(bucket) > 0)) return false;
    s.step = bucket;
    items.shift();
  }
  const aggregates = items.filter(isAggregate);
  const keys = items.filter((i) => !isAggregate(i));
  const shape = aggregates.length === 1 && /^histogram\((.*),\s*\d+\)$/is.exec(aggregates[0]);
  if (items.join() === "*") {
    s.view = "samples";
  } else if (shape) {
    s.view = bucket !== undefined ? "heat" : "dist";
    s.value = shape[1].trim();
    if (s.view === "dist") s.by = keys;
    else if (keys.length > 0) return false;
  } else {
    if (aggregates.length === 0 || keys.includes("*") || items.join() !== [...keys, ...aggregates].join()) return false;
    s.view = bucket !== undefined ? "time" : "table";
    s.by = keys;
    s.show = aggregates;
  }
  return true;
}

function readTail(text: string, c: Clauses, s: State): boolean {
  const group = textOf(text, c.get("GROUP") ?? []);
  if (group && !/^BY\s+ALL$/i.test(group)) return false;
  if (s.view === "time" || s.view === "table") {
    const order = /^BY\s+(.*)$/is.exec(textOf(text, c.get("ORDER") ?? []));
    if (s.view === "table" && s.by.length > 0) s.sort = order ? order[1] : "";
    const compare = c.get("COMPARE");
    s.compare = compare ? textOf(text, compare) : "";
    if (compare && !(durationMs(s.compare) > 0)) return false;
  }
  const limit = /^(\d+)(\s+WITH\s+OTHER)?$/i.exec(textOf(text, c.get("LIMIT") ?? []));
  if (c.has("LIMIT") && !limit) return false;
  if (limit && s.view === "samples") {
    s.rows = sampleSizes.find((n) => n === Number(limit[1])) ?? s.rows; // of any other sameMeaning knows
  } else if (limit) {
    const top = Number(limit[1]);
    if (top < 1 || top > topMax) return false;
    s.top = top;
    if (s.view !== "dist") s.other = limit[2] !== undefined;
  }
  return true;
}

/** plain is SQL with its blanks and the case of its keywords evened out. */
const plain = (sql: string) =>
  (lex(sql) ?? []).filter((t) => !isOp(t, ";")).map((t) => (t.kind === "word" && begins.includes(t.text.toUpperCase()) ? t.text.toUpperCase() : t.kind + ":" + t.text)).join(" ");

/** sameMeaning: the clauses are those that the state prints, in another order. */
function sameMeaning(text: string, s: State): boolean {
  const clausesOf = (sql: string) => {
    const tokens = lex(sql);
    const c = tokens && cut(tokens);
    return c ? [...c].filter(([name]) => name !== "FILL").map(([name, t]) => name + " " + plain(textOf(sql, t))).sort().join("\n") : "";
  };
  return clausesOf(text) === clausesOf(printSQL(s));
}
