// What is on screen is a State, and a State is an address: everything that a knob
// changes is here, nothing else is.

import { parseBox } from "./box";
import { withoutComments } from "./lex";
import { durationMs, isTime, isZone, relative } from "./time";

export const views = ["time", "table", "heat", "dist", "samples"] as const;
export type View = (typeof views)[number];

/** What a gap in a line is: drawn as the aggregate means it, left open, or bridged. */
export const gapRules = ["auto", "open", "bridge"] as const;
export type Gaps = (typeof gapRules)[number];

export type State = {
  table: string;
  view: View;
  from: string; // "-1h", a time, or "" for all there is
  to: string; // "" for now, or a time
  tz: string; // "" until the browser's own is written in
  compare: string; // a duration, or ""
  show: string[]; // aggregates as SQL; never empty
  by: string[]; // columns or expressions as SQL
  top: number;
  other: boolean;
  where: string[]; // conditions, joined by AND
  step: string; // of time buckets: "auto" or a duration
  gaps: Gaps;
  raw: boolean; // stored rows instead of the events they stand for
  live: boolean;
  value: string; // column of heat map and distribution; "" lets the page choose
  sort: string; // "count() DESC"; "" as the server does
  box: string; // a part of the chart as model/box.ts writes it, or ""
  differs: boolean; // what sets the box apart is asked
  rows: number; // of the samples, one of sampleSizes
  sql: string; // SQL that the knobs cannot say; "" most of the time
};

export const topMax = 1000;

/** sampleSizes is how many rows the samples may have; more than the last would be slow to draw, older ones are a range of their own. */
export const sampleSizes = [500, 1000, 2000];

export const initial = (table: string): State => ({
  table, view: "time", from: "-1h", to: "", tz: "", compare: "", show: ["count()"], by: [], top: 10, other: true,
  where: [], step: "auto", gaps: "auto", raw: false, live: true, value: "", sort: "", box: "", differs: false, rows: sampleSizes[0], sql: "",
});

/** toAddress is the path and query of a state; what is as in initial is left out. */
export function toAddress(s: State): string {
  const d = initial(s.table);
  const q = new URLSearchParams();
  const put = (name: string, value: string, usual: string) => value !== usual && q.set(name, value);
  put("view", s.view, d.view);
  put("from", s.from || "all", d.from);
  put("to", s.to, d.to);
  put("compare", s.compare, d.compare);
  if (s.show.join("\n") !== d.show.join("\n")) s.show.forEach((a) => q.append("show", a));
  s.by.forEach((b) => q.append("by", b));
  put("top", String(s.top), String(d.top));
  put("other", s.other ? "1" : "0", "1");
  s.where.forEach((f) => q.append("f", f));
  put("step", s.step, d.step);
  put("gaps", s.gaps, d.gaps);
  put("raw", s.raw ? "1" : "0", "0");
  put("live", s.live ? "1" : "0", "1");
  put("value", s.value, d.value);
  put("sort", s.sort, d.sort);
  put("box", s.box, d.box);
  put("differs", s.differs ? "1" : "0", "0");
  put("rows", String(s.rows), String(d.rows));
  put("tz", s.tz, "");
  put("q", s.sql, "");
  const text = q.toString().replaceAll("%28", "(").replaceAll("%29", ")").replaceAll("%3A", ":").replaceAll("%2C", ",");
  return "/x/" + encodeURIComponent(s.table) + (text && "?" + text);
}

/** cleaned: texts without a comment stay as they are. */
const cleaned = (sql: string) => (/--|\/\*/.test(sql) ? withoutComments(sql) : sql.trim() && sql);

/** fromAddress reads one; what makes no sense is as in initial. Null: no table's page. */
export function fromAddress(path: string, search: string): State | null {
  const table = /^\/x\/([^/]+)$/.exec(path)?.[1];
  if (!table) return null;
  const q = new URLSearchParams(search);
  const s = initial(decodeURIComponent(table));
  const one = <T extends string>(name: string, known: readonly T[], usual: T): T =>
    known.includes(q.get(name) as T) ? (q.get(name) as T) : usual;
  s.view = one("view", views, s.view);
  s.gaps = one("gaps", gapRules, s.gaps);
  const from = q.get("from") ?? s.from;
  s.from = from === "all" ? "" : relative(from) || isTime(from) ? from : s.from;
  s.to = isTime(q.get("to") ?? "") ? q.get("to")! : "";
  if (relative(s.from)) s.to = "";
  s.compare = durationMs(q.get("compare") ?? "") > 0 ? q.get("compare")! : "";
  const texts = (name: string) => q.getAll(name).map(cleaned).filter(Boolean);
  s.show = texts("show");
  if (s.show.length === 0) s.show = ["count()"];
  s.by = texts("by");
  const top = Number(q.get("top") ?? s.top);
  if (Number.isInteger(top) && top >= 1 && top <= topMax) s.top = top;
  s.other = q.get("other") !== "0";
  s.where = texts("f");
  const step = q.get("step") ?? "auto";
  s.step = durationMs(step) > 0 ? step : "auto";
  s.raw = q.get("raw") === "1";
  s.live = q.get("live") !== "0";
  s.value = cleaned(q.get("value") ?? "");
  s.sort = cleaned(q.get("sort") ?? "");
  s.box = parseBox(q.get("box") ?? "") ? q.get("box")! : "";
  s.differs = s.box !== "" && q.get("differs") === "1";
  s.rows = sampleSizes.find((n) => String(n) === q.get("rows")) ?? s.rows;
  s.tz = isZone(q.get("tz") ?? "") ? q.get("tz")! : "";
  s.sql = q.get("q") ?? "";
  return s;
}

/** isLive: the picture moves on by itself. */
export const isLive = (s: State) => s.live && s.to === "" && s.from !== "";
