// A box is a part of a chart: a span of time, and of a value where the chart has one.

import { quoteName, quoteText } from "./lex";
import { isoMs, isTime } from "./time";

export type Box = { from: number; to: number; column: string; lo: number; hi: number }; // ms; column "": any value

/** printBox writes it for the address. */
export const printBox = (b: Box) =>
  [isoMs(b.from), isoMs(b.to), ...(b.column ? [short(b.lo), short(b.hi), b.column] : [])].join("~");

/** parseBox reads it, or returns null. */
export function parseBox(text: string): Box | null {
  const [from, to, lo, hi, ...column] = text.split("~");
  if (!isTime(from ?? "") || !isTime(to ?? "") || Date.parse(from) >= Date.parse(to)) return null;
  const span = { from: Date.parse(from), to: Date.parse(to) };
  if (lo === undefined) return { ...span, column: "", lo: 0, hi: 0 };
  const box = { ...span, column: column.join("~"), lo: Number(lo), hi: Number(hi) };
  return box.column && lo !== "" && hi !== "" && box.lo < box.hi ? box : null;
}

const short = (v: number) => String(Number(v.toPrecision(6)));

/** valueConditions is the box's share of WHERE beside time. */
export const valueConditions = (b: Box) =>
  b.column ? [`${quoteName(b.column)} >= ${short(b.lo)}`, `${quoteName(b.column)} <= ${short(b.hi)}`] : [];

/** boxCondition is all of it. */
export const boxCondition = (b: Box) =>
  [`time >= ${quoteText(isoMs(b.from))}`, `time < ${quoteText(isoMs(b.to))}`, ...valueConditions(b)].join(" AND ");

/** measured is the column whose values an aggregate shows on its axis, or "": p99(ms) is in ms. */
export const measured = (aggregate: string) =>
  /^(?:avg|median|p50|p90|p95|p99|p99_9|min|max|first|last|any|percentile)\(\s*(?:"((?:[^"]|"")+)"|([A-Za-z_][\w.]*))\s*(?:,[^)]*)?\)$/i
    .exec(aggregate)?.slice(1).find(Boolean)?.replaceAll('""', '"') ?? "";
