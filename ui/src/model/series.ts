// An answer as lines: one for each group, a number or a gap for each bucket.

import type { Answer, Value } from "../api/types";
import { Exact, printExact } from "./exact";
import type { Gaps } from "./state";
import { unitMs } from "./time";

export type Line = {
  key: Value[]; // values of GROUP BY
  id: string; // the key as text, for colours
  label: string;
  other: boolean; // stands for the groups left out
  now: (number | null)[];
  before: (number | null)[] | null; // of COMPARE
};

export type Panel = { aggregate: string; lines: Line[] };

export type Chart = {
  at: number[]; // begins of buckets, in seconds
  widthMs: number;
  from: number; // of the range, in ms
  to: number;
  panels: Panel[];
};

/** numberOf reads a value of an answer, in which infinities are texts. */
export const numberOf = (v: Value): number | null => (typeof v === "number" || v instanceof Exact ? Number(v) : typeof v === "boolean" ? Number(v) : null);

export const keyText = (key: Value[]) =>
  key.length === 0 ? "all" : key.map((v) => (v === null ? "null" : Array.isArray(v) ? v.join(" ") : String(v) || "(empty)")).join(" · ");

export const idOf = (key: Value[]) => `[${key.map(printExact).join(",")}]`;

/** otherLabel is how the groups left out are called. */
export const otherLabel = (a: Answer) => `Other (${(a.other?.groups ?? 0).toLocaleString("en")})`;

/** columnsPer is how many columns an aggregate has: with COMPARE its own, before and change. */
export const columnsPer = (a: Answer) => (a.compare ? 3 : 1);

/** isCount: where there are no rows the aggregate is 0, not unknown. */
export const isCount = (aggregate: string) => /^(count|count_if|hits|sum|uniq|uniq_exact|rate)\s*\(/i.test(aggregate);

/** bucketsMax is how many buckets are put in at most; more than a screen has pixels. */
const bucketsMax = 20_000;

/** bucketsOf is the buckets of the range, with and without rows. Those of days depend on a zone's calendar: only those with rows are known. */
function bucketsOf(a: Answer, width: number): number[] {
  const at = new Set(a.rows.map((r) => Date.parse(String(r[0]))));
  const from = a.range.from ? Date.parse(a.range.from) : Math.min(...at), to = a.range.to ? Date.parse(a.range.to) : Math.max(...at) + 1;
  if (width < unitMs.d && (to - from) / width < bucketsMax)
    for (let ms = Math.floor(from / width) * width; ms < to; ms += width) at.add(ms);
  return [...at].sort((x, y) => x - y);
}

/**
 * chartOf sorts an answer of seriesSQL into panels. Buckets without rows are 0 for
 * counts unless gaps are left open; where data is missing there is no 0 but a gap.
 */
export function chartOf(a: Answer, keys: number, aggregates: string[], gaps: Gaps): Chart | null {
  if (!a.bucket) return null;
  const others = new Set(a.other?.rows ?? []);
  const at = bucketsOf(a, a.bucket.width_ms);
  const place = new Map(at.map((ms, i) => [ms, i]));
  const holes = at.map((ms) => isHole(a, ms, a.bucket!.width_ms));
  const panels = aggregates.map((aggregate, i): Panel => {
    const column = 1 + keys + i * columnsPer(a);
    const lines = new Map<string, Line>();
    a.rows.forEach((row, r) => {
      const key = row.slice(1, 1 + keys);
      const other = others.has(r);
      const id = other ? "other" : idOf(key);
      let line = lines.get(id);
      if (!line) {
        const empty = (whole: (i: number) => boolean) => at.map((_, i) => (isCount(aggregate) && gaps === "auto" && whole(i) ? 0 : null));
        line = { key, id, label: other ? otherLabel(a) : keyText(key), other, now: empty((i) => !holes[i]),
          before: a.compare ? empty(() => a.compare!.completeness.ratio === 1) : null };
        lines.set(id, line);
      }
      const t = place.get(Date.parse(String(row[0])))!;
      const v = numberOf(row[column]);
      line.now[t] = v === 0 && holes[t] ? null : v;
      if (line.before) line.before[t] = numberOf(row[column + 1]);
    });
    return { aggregate, lines: ranked([...lines.values()]) };
  });
  const last = at.at(-1) ?? Date.now();
  return {
    at: at.map((ms) => ms / 1000), widthMs: a.bucket.width_ms, panels,
    from: a.range.from ? Date.parse(a.range.from) : at[0] ?? last, to: a.range.to ? Date.parse(a.range.to) : last + a.bucket.width_ms,
  };
}

const isHole = (a: Answer, ms: number, width: number) =>
  (a.completeness.by_time ?? []).some((p) => p.ratio < 1 && Date.parse(p.from) < ms + width && Date.parse(p.to) > ms);

/** ranked: the largest first, Other last. */
function ranked(lines: Line[]): Line[] {
  const size = (l: Line) => l.now.reduce<number>((sum, v) => sum + (v ?? 0), 0);
  const sizes = new Map(lines.map((l) => [l, size(l)]));
  return lines.sort((a, b) => Number(a.other) - Number(b.other) || sizes.get(b)! - sizes.get(a)! || (a.id < b.id ? -1 : 1));
}

/**
 * fullSpan is the first and the last bucket, by index, that the range has whole; the
 * others are still filling or cut off and not to be read as a fall.
 */
export function fullSpan(c: Chart): [number, number] {
  let first = 0, last = c.at.length - 1;
  while (first <= last && c.at[first] * 1000 < c.from) first++;
  while (last >= first && c.at[last] * 1000 + c.widthMs > c.to) last--;
  return [first, last];
}
