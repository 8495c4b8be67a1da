// How numbers are shown.

import { Exact } from "./exact";

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 20 });

/** numberText shows a value of an answer in full: 41,220 and 0.25, six digits after the point at most. */
export function numberText(v: number | Exact): string {
  if (v instanceof Exact) return grouped.format(BigInt(v.text));
  if (!Number.isFinite(v)) return String(v);
  if (Number.isInteger(v)) return grouped.format(v);
  const rounded = Math.abs(v) >= 1 ? Math.round(v * 100) / 100 : Number(v.toPrecision(4));
  return Math.abs(rounded) < 1e-6 ? v.toExponential(2) : grouped.format(rounded);
}

/** shortNumber shows it for axes and small places: 1.2k, 18.4M. */
export function shortNumber(v: number): string {
  const a = Math.abs(v);
  for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const)
    if (a >= size) return trim(v / size) + unit;
  return a >= 1 || a === 0 ? trim(v) : Number(v.toPrecision(2)).toString();
}

const trim = (v: number) => Number(v.toPrecision(3)).toString();

/** bytesText: 12.8 MiB. */
export function bytesText(v: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  for (; v >= 1024 && i < units.length - 1; i++) v /= 1024;
  return (i === 0 ? String(v) : v.toFixed(v < 10 ? 1 : 0)) + " " + units[i];
}

/** percentText rounds down: less than all is never shown as all. */
export const percentText = (ratio: number) =>
  ratio === 1 ? "100%" : Math.min(99.99, Math.floor(ratio * 1e4 + 1e-6) / 100) + "%";

/** changeText shows a change: +12%, −3.4%, ×98 from tenfold on. */
export function changeText(change: number | null): string {
  if (change === null || !Number.isFinite(change)) return "–";
  const percent = change * 100;
  const digits = Math.abs(percent) < 10 ? 1 : 0;
  const rounded = Number(percent.toFixed(digits));
  return (rounded > 0 ? "+" : rounded < 0 ? "−" : "") + grouped.format(Math.abs(rounded)) + "%";
}

/** valueText shows any value of an answer. */
export function valueText(v: unknown): string {
  if (v === null || v === undefined) return "null";
  return typeof v === "object" && !(v instanceof Exact) ? JSON.stringify(v) : String(v);
}
