// histogram() of an answer: parts of powers of two, with how many events each has.

import type { Value } from "../api/types";

export type Part = { lo: number; hi: number; events: number };

/** partsOf reads one; what is no number on an axis (infinities) is left out. */
export function partsOf(v: Value): Part[] {
  if (typeof v !== "string") return [];
  return (JSON.parse(v) as [number, number, number][])
    .map(([a, b, events]) => ({ lo: Math.min(a, b), hi: Math.max(a, b), events }))
    .filter((p) => Number.isFinite(p.lo) && Number.isFinite(p.hi));
}

/** Scale places values on a logarithmic axis from 0 to 1, zero and below at its foot. */
export type Scale = { lo: number; hi: number; at: (v: number) => number; value: (at: number) => number };

export function scaleOf(parts: Part[]): Scale {
  const positive = parts.filter((p) => p.lo > 0);
  const lo = Math.min(...positive.map((p) => p.lo), Infinity), hi = Math.max(...positive.map((p) => p.hi), -Infinity);
  if (!(lo < hi)) return { lo: 1, hi: 2, at: () => 0, value: () => 1 };
  const span = Math.log2(hi / lo);
  return { lo, hi, at: (v) => (v <= lo ? 0 : Math.log2(v / lo) / span), value: (at) => lo * 2 ** (at * span) };
}

/** marks are round values on the scale: 1, 10, 100, or 1, 2, 5 where it is short. */
export function marks(s: Scale): number[] {
  const out: number[] = [];
  const steps = s.hi / s.lo > 300 ? [1] : [1, 2, 5];
  for (let e = Math.floor(Math.log10(s.lo)); e <= Math.ceil(Math.log10(s.hi)); e++)
    for (const step of steps) {
      const v = Number((step * 10 ** e).toPrecision(3));
      if (v >= s.lo && v <= s.hi) out.push(v);
    }
  return out;
}

/** density is how many events there are to each doubling of the value, so that parts of unlike width compare. */
export const density = (p: Part) => (p.lo > 0 ? p.events / Math.log2(p.hi / p.lo) : p.events);

/**
 * cells spreads parts over even steps of a scale, so that columns whose parts are of
 * unlike width look alike. The first cell is for what lies below the scale: zero and less.
 */
export function cells(parts: Part[], s: Scale, steps: number): number[] {
  const out = new Array<number>(steps + 1).fill(0);
  for (const p of parts) {
    if (p.lo <= 0) {
      out[0] += p.events;
      continue;
    }
    const a = s.at(p.lo) * steps, b = Math.max(a + 1e-9, s.at(p.hi) * steps);
    for (let i = Math.floor(a); i < b && i < steps; i++)
      out[i + 1] += (p.events * (Math.min(b, i + 1) - Math.max(a, i))) / (b - a);
  }
  return out;
}
