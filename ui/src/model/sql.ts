// A state as SQL: what the page asks, and what `s` shows.

import type { State } from "./state";
import { isLoose } from "./filter";
import { quoteTable, quoteText } from "./lex";
import { relative } from "./time";

export const heatBins = 40;
export const distBins = 60;

/** rangeClause is LAST, SINCE and UNTIL, or nothing. */
export function rangeClause(s: Pick<State, "from" | "to">): string {
  const last = relative(s.from);
  if (last) return `LAST ${last}`;
  return [s.from && `SINCE ${quoteText(s.from)}`, s.to && `UNTIL ${quoteText(s.to)}`].filter(Boolean).join(" ");
}

/** whereClause puts a condition into parentheses where AND would cut into it. */
const whereClause = (where: string[]) =>
  where.length && "WHERE " + where.map((f) => (where.length > 1 && isLoose(f) ? `(${f})` : f)).join(" AND ");

export const bucketOf = (s: State) => `time(${s.step})`;

/** printSQL writes what the view of a state asks. SQL that was written by hand stays as it is. */
export function printSQL(s: State): string {
  if (s.sql) return s.sql;
  switch (s.view) {
    case "time":
      return seriesSQL(s);
    case "table":
      return totalsSQL(s);
    case "heat":
      return clauses(s, [bucketOf(s), `histogram(${s.value}, ${heatBins})`], ["GROUP BY ALL"]);
    case "dist":
      return clauses(s, [...s.by, `histogram(${s.value}, ${distBins})`],
        s.by.length ? ["GROUP BY ALL", `ORDER BY count() DESC`, `LIMIT ${s.top}`] : []);
    case "samples":
      return clauses(s, ["*"], [`LIMIT ${s.rows}`]);
  }
}

/** seriesSQL asks for lines over time. Buckets without rows are put in by chartOf: FILL comes before LIMIT, and would not go with many groups. */
export function seriesSQL(s: State): string {
  return clauses(s, [bucketOf(s), ...s.by, ...s.show], ["GROUP BY ALL", limit(s), compare(s)]);
}

/** totalsSQL asks for the groups of the whole range. */
export function totalsSQL(s: State): string {
  return clauses(s, [...s.by, ...s.show], [
    s.by.length > 0 && "GROUP BY ALL", s.by.length > 0 && s.sort && `ORDER BY ${s.sort}`, limit(s), compare(s),
  ]);
}

const limit = (s: State) => s.by.length > 0 && `LIMIT ${s.top}${s.other ? " WITH OTHER" : ""}`;
const compare = (s: State) => s.compare && `COMPARE ${s.compare}`;

function clauses(s: State, select: string[], tail: (string | false)[]): string {
  return [
    `FROM ${quoteTable(s.table)}`, rangeClause(s), `SELECT ${select.join(", ")}`, whereClause(s.where), ...tail, s.raw && "RAW",
  ].filter(Boolean).join(" ");
}
