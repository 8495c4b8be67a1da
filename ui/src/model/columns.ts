// What is known of a table's columns, as the knobs offer it.

import type { TableColumn } from "../api/types";
import { measured } from "./box";
import { quoteName } from "./lex";
import type { State } from "./state";

const share = (c: TableColumn, types: string[]) => types.reduce((sum, t) => sum + (c.types[t] ?? 0), 0);

export const isNumeric = (c: TableColumn) => share(c, ["int64", "float64"]) > 0.5;

/** typeText words the types: "float64", or "98% float64, 2% string". */
export function typeText(c: TableColumn): string {
  const mix = Object.entries(c.types).sort((a, b) => b[1] - a[1]);
  return mix.length === 1 ? mix[0][0] : mix.map(([type, part]) => `${Number((part * 100).toPrecision(2))}% ${type}`).join(", ");
}

/** shapeColumn is the column whose values a heat map shows if none is chosen, as SQL: that of an aggregate, or one that measures. */
export function shapeColumn(s: State, columns: TableColumn[]): string {
  const asked = s.show.map(measured).find(Boolean);
  if (asked) return quoteName(asked);
  const numeric = columns.filter((c) => isNumeric(c) && c.name !== "sample_rate");
  const usual = numeric.find((c) => /(^|[._])(ms|us|ns|s|duration|latency|elapsed|took)($|_)/i.test(c.name));
  const best = usual ?? numeric.sort((a, b) => (b.distinct ?? 0) - (a.distinct ?? 0))[0];
  return best ? quoteName(best.name) : "";
}

/** aggregatesFor is what may be worth showing. */
export function aggregatesFor(columns: TableColumn[]): string[] {
  const numeric = columns.filter((c) => isNumeric(c) && c.name !== "sample_rate").map((c) => quoteName(c.name));
  return [
    "count()", "rate()", "hits()",
    ...numeric.flatMap((n) => ["p50", "p95", "p99", "avg", "max", "sum"].map((f) => `${f}(${n})`)),
    ...columns.filter((c) => !isNumeric(c) && (c.distinct ?? 0) > 20).map((c) => `uniq(${quoteName(c.name)})`),
  ];
}
