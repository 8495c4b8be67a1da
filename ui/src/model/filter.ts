// A filter is one condition of WHERE. It is kept as SQL text, in the address too;
// what has the shape column-operator-value can be edited as a pill.

import { Exact } from "./exact";
import { depths, isOp, isWord, lex, quoteName, quoteText, splitAt, textOf, type Token } from "./lex";

/** A value of a filter: text, a number as written, or a bool. */
export type Literal = { text: string; kind: "string" | "number" | "bool" };

export type Pill = { column: string; op: string; values: Literal[] };

/** Operators that a pill may have, and their opposites. */
export const opposite: Record<string, string> = {
  "=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
  IN: "NOT IN", "NOT IN": "IN", LIKE: "NOT LIKE", "NOT LIKE": "LIKE", ILIKE: "NOT ILIKE", "NOT ILIKE": "ILIKE",
  "~": "!~", "!~": "~", "~*": "!~*", "!~*": "~*", "IS NULL": "IS NOT NULL", "IS NOT NULL": "IS NULL",
};

/** parsePill reads a condition, or returns null if it is none that a pill can show. */
export function parsePill(sql: string): Pill | null {
  const tokens = lex(sql);
  if (!tokens || tokens.length < 3) return null;
  const [first, ...rest] = tokens;
  if (first.kind !== "name" && first.kind !== "word") return null;
  const column = first.text;
  if (first.kind === "word" && (isOp(rest[0], "(") || quoteName(column) !== column)) return null;
  const words = rest.map((t) => (t.kind === "word" ? t.text.toUpperCase() : "")).join(" ").trim();
  if (words === "IS NULL" && rest.length === 2) return { column, op: "IS NULL", values: [] };
  if (words === "IS NOT NULL" && rest.length === 3) return { column, op: "IS NOT NULL", values: [] };
  const { op, after } = operator(rest);
  if (!op) return null;
  if (op === "IN" || op === "NOT IN") {
    if (!isOp(after[0], "(") || !isOp(after.at(-1), ")")) return null;
    const values = splitAt(after.slice(1, -1), (t) => isOp(t, ",")).map(literal);
    return values.length > 0 && values.every((v) => v !== null) ? { column, op, values: values as Literal[] } : null;
  }
  const value = literal(after);
  return value ? { column, op, values: [value] } : null;
}

function operator(tokens: Token[]): { op: string; after: Token[] } {
  const [a, b] = tokens;
  if (isWord(a, "NOT") && b?.kind === "word" && ["IN", "LIKE", "ILIKE"].includes(b.text.toUpperCase()))
    return { op: "NOT " + b.text.toUpperCase(), after: tokens.slice(2) };
  if (a.kind === "word" && ["IN", "LIKE", "ILIKE", "HAS"].includes(a.text.toUpperCase()))
    return { op: a.text.toUpperCase(), after: tokens.slice(1) };
  const op = a.text === "==" ? "=" : a.text === "<>" ? "!=" : a.text;
  return { op: a.kind === "op" && op in opposite ? op : "", after: tokens.slice(1) };
}

function literal(tokens: Token[]): Literal | null {
  if (tokens.length === 2 && isOp(tokens[0], "-") && tokens[1].kind === "number" && plainNumber(tokens[1].text))
    return { text: "-" + tokens[1].text, kind: "number" };
  if (tokens.length !== 1) return null;
  const [t] = tokens;
  if (t.kind === "string") return { text: t.text, kind: "string" };
  if (t.kind === "number" && plainNumber(t.text)) return { text: t.text, kind: "number" };
  if (isWord(t, "TRUE") || isWord(t, "FALSE")) return { text: t.text.toLowerCase(), kind: "bool" };
  return null;
}

const plainNumber = (text: string) => /^\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text);

/** printPill writes the condition. */
export function printPill(p: Pill): string {
  const name = quoteName(p.column);
  const values = p.values.map((v) => (v.kind === "string" ? quoteText(v.text) : v.text));
  if (p.op === "IS NULL" || p.op === "IS NOT NULL") return `${name} ${p.op}`;
  if (p.op === "IN" || p.op === "NOT IN") return `${name} ${p.op} (${values.join(", ")})`;
  return `${name} ${p.op} ${values[0]}`;
}

/** literalOf is a value of an answer as a filter compares with it. */
export function literalOf(value: unknown): Literal {
  if (typeof value === "number" || value instanceof Exact) return { text: String(value), kind: "number" };
  if (typeof value === "boolean") return { text: String(value), kind: "bool" };
  return { text: Array.isArray(value) ? JSON.stringify(value) : String(value), kind: "string" };
}

/** condition is column = value, or what says the same of null and of lists. */
export function condition(column: string, value: unknown, include: boolean): string {
  if (value === null) return printPill({ column, op: include ? "IS NULL" : "IS NOT NULL", values: [] });
  if (Array.isArray(value) && value.length > 0) {
    const all = value.map((v) => `${quoteName(column)} HAS ${quoteText(String(v))}`).join(" AND ");
    return include ? all : `NOT (${all})`;
  }
  return printPill({ column, op: include ? "=" : "!=", values: [literalOf(value)] });
}

/**
 * addFilter adds a condition. One more value of a column that is filtered by = or IN
 * joins the others, as one more of != or NOT IN does; what contradicts goes.
 */
export function addFilter(filters: string[], sql: string): string[] {
  const add = parsePill(sql);
  if (!add || filters.includes(sql)) return filters.includes(sql) ? filters : [...filters, sql];
  const joins = { "=": "IN", "!=": "NOT IN" }[add.op];
  const out: string[] = [];
  let done = false;
  for (const f of filters) {
    const p = parsePill(f);
    if (!p || p.column !== add.column || !joins) {
      out.push(f);
    } else if (!done && (p.op === add.op || p.op === joins) && joins === "NOT IN") {
      out.push(printPill({ column: p.column, op: joins, values: unite(p.values, add.values) }));
      done = true;
    } else if (p.op === "=" || p.op === "IN" || (p.op === opposite[add.op] || p.op === opposite[joins])) {
      continue; // replaced by the new one
    } else {
      out.push(f);
    }
  }
  if (!done) out.push(sql);
  return out;
}

function unite(a: Literal[], b: Literal[]): Literal[] {
  const held = new Set(a.map((v) => v.kind + v.text));
  return [...a, ...b.filter((v) => !held.has(v.kind + v.text))];
}

/** invert turns a filter into its opposite; null conditions have none but NOT (...). */
export function invert(sql: string): string {
  const p = parsePill(sql);
  if (p && opposite[p.op]) return printPill({ ...p, op: opposite[p.op] });
  const inner = /^NOT \((.*)\)$/s.exec(sql);
  return inner ? inner[1] : `NOT (${sql})`;
}

const loose = ["OR", "BETWEEN", "CASE"];

/** isLoose: next to AND the condition would fall apart, or is not sure to hold together. */
export function isLoose(sql: string): boolean {
  const tokens = lex(sql);
  const depth = tokens && depths(tokens);
  return !depth || tokens.some((t, i) => depth[i] === 0 && t.kind === "word" && [...loose, "AND"].includes(t.text.toUpperCase()));
}

/** conjuncts cuts a WHERE condition into what AND joins, as text. */
export function conjuncts(sql: string): string[] {
  const tokens = lex(sql);
  const depth = tokens && depths(tokens);
  if (!depth || tokens.some((t, i) => depth[i] === 0 && loose.some((word) => isWord(t, word)))) return sql.trim() ? [sql.trim()] : [];
  return splitAt(tokens, (t) => isWord(t, "AND")).map((part) => textOf(sql, part)).filter((s) => s !== "");
}
