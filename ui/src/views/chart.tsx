// One panel of lines over time, drawn by uPlot.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Completeness, Marker } from "../api/types";
import { changeText, numberText, shortNumber } from "../model/number";
import type { Box } from "../model/box";
import { measured, parseBox } from "../model/box";
import { fullSpan, isCount, type Chart, type Line } from "../model/series";
import type { Gaps } from "../model/state";
import { timeText } from "../model/time";
import { colorOf, ink, type Ink } from "./theme";

export type ChartProps = {
  chart: Chart;
  panel: number;
  completeness: Completeness;
  colors: Map<string, number>;
  tz: string;
  gaps: Gaps;
  box: string;
  markers: Marker[];
  height: number;
  lit: string; // id of the line that is pointed at; "" none
  onBox: (box: Box | null) => void;
  onLine: (line: Line, x: number, y: number, from: HTMLElement) => void;
};

/** nearPx is how near a click on a line has to be. */
const nearPx = 14;

/** Lines draws and keeps a plot; new data goes into the old one as long as the lines are the same. */
export function Lines(p: ChartProps) {
  const at = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const begun = useRef(0); // when the plot that is not drawn yet was begun; 0: it is drawn
  const now = useRef(p);
  now.current = p;
  const { lines, aggregate } = p.chart.panels[p.panel];
  const shape = JSON.stringify([lines.map((l) => [l.id, l.before !== null, p.colors.get(l.id)]), p.tz, p.gaps, p.height, aggregate]);

  useEffect(() => {
    const host = at.current!;
    const build = () => {
      plot.current?.destroy();
      performance.clearMeasures("chart");
      begun.current = performance.now();
      plot.current = new uPlot(options(now, host, ink(), begun), dataOf(now.current), host);
      showBox(plot.current, now.current);
    };
    build();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: host.clientWidth, height: now.current.height }));
    resized.observe(host);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", build);
    return () => {
      resized.disconnect();
      scheme.removeEventListener("change", build);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => {
    plot.current?.setData(dataOf(p));
    if (plot.current) showBox(plot.current, p);
  }, [p.chart]);
  useEffect(() => {
    if (plot.current) showBox(plot.current, p);
  }, [p.box]);
  useEffect(() => plot.current?.redraw(false), [p.lit, p.markers]);

  return <div class="plot" ref={at} role="img" aria-label={`${aggregate} over time, ${lines.length} lines`} />;
}

/** dataOf is uPlot's columns: lines before the present ones, so that these lie above. */
function dataOf(p: ChartProps): uPlot.AlignedData {
  const [first, last] = fullSpan(p.chart);
  const { lines } = p.chart.panels[p.panel];
  const whole = (values: (number | null)[]) => values.map((v, i) => (i < first || i > last ? null : v));
  return [p.chart.at, ...lines.filter((l) => l.before).map((l) => l.before!), ...lines.map((l) => whole(l.now))];
}

function options(now: { current: ChartProps }, at: HTMLElement, colors: Ink, begun: { current: number }): uPlot.Options {
  const p = now.current;
  const { lines, aggregate } = p.chart.panels[p.panel];
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  const line = (l: Line, before: boolean): uPlot.Series => {
    const color = colorOf(l, p.colors);
    const dash = (p.colors.get(l.id) ?? 0) >= 10 ? [8, 3] : undefined;
    return {
      stroke: () => {
        const lit = now.current.lit;
        return color + (lit && lit !== l.id ? "30" : before ? "66" : "");
      },
      width: before ? 1 : 1.6, dash: before ? [2, 3] : dash, spanGaps: p.gaps === "bridge",
      fill: lines.length === 1 && !before && isCount(aggregate) ? color + "1f" : undefined,
      points: { show: false },
    };
  };
  const axis = (of: Partial<uPlot.Axis>): uPlot.Axis => ({
    stroke: colors.dim, grid: { stroke: colors.rule, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif", ...of,
  });
  return {
    width: at.clientWidth, height: p.height, padding: [8, 24, 0, 0], legend: { show: false }, tzDate: (s) => uPlot.tzDate(new Date(s * 1000), p.tz),
    scales: {
      x: { time: true, range: () => [now.current.chart.from / 1000, now.current.chart.to / 1000] },
      y: { range: (_u, min, max) => valueRange(min, max, now.current) },
    },
    axes: [axis({ space: 76, size: 26, values: (_u, splits) => timeMarks(splits, p.tz) }), axis({ size: 52, space: 32, values: (_u, splits) => splits.map(shortNumber) })],
    series: [{}, ...lines.filter((l) => l.before).map((l) => line(l, true)), ...lines.map((l) => line(l, false))],
    cursor: {
      sync: { key: "time" }, points: { size: 6 }, y: false,
      drag: { x: true, y: measured(aggregate) !== "", uni: 40, dist: 5, setScale: false },
    },
    hooks: {
      init: [(u) => u.over.append(tip), (u) => u.over.addEventListener("click", (e) => clicked(u, e, now.current))],
      drawClear: [(u) => drawHoles(u, now.current.completeness, colors)],
      draw: [(u) => drawUnfilled(u, now.current), (u) => drawMarkers(u, now.current, colors), () => {
        if (begun.current > 0) performance.measure("chart", { start: begun.current }); // for the browser's own tools, and the tests
        begun.current = 0;
      }],
      setCursor: [(u) => showTip(u, tip, now.current)],
      setSelect: [(u) => now.current.onBox(boxOf(u, measured(aggregate)))],
    },
  };
}

/** clicked offers what can be done with the line under a click. A drag is none. */
function clicked(u: uPlot, e: MouseEvent, p: ChartProps) {
  const i = u.cursor.idx;
  if (i === null || i === undefined || u.select.width > 3) return;
  const y = e.clientY - u.over.getBoundingClientRect().top;
  const near = p.chart.panels[p.panel].lines
    .map((line) => ({ line, away: line.now[i] === null ? Infinity : Math.abs(u.valToPos(line.now[i], "y") - y) }))
    .filter(({ line, away }) => away < nearPx && !line.other && line.key.length > 0)
    .sort((a, b) => a.away - b.away)[0];
  if (near) p.onLine(near.line, e.clientX, e.clientY + 6, u.over);
}

/** timeMarks words times of an axis: the clock, and the day where it begins anew or the axis is long. */
function timeMarks(splits: number[], tz: string): string[] {
  const step = splits.length > 1 ? splits[1] - splits[0] : 60;
  return splits.map((s) => {
    const text = timeText(s * 1000, tz);
    const clock = step < 60 ? text.slice(11) : text.slice(11, 16);
    return step >= 86_400 || clock.startsWith("00:00") ? text.slice(5, 10) : clock;
  });
}

/** valueRange also takes in what is drawn apart: the buckets at the ends. */
function valueRange(min: number | null, max: number | null, p: ChartProps): [number, number] {
  const [first, last] = fullSpan(p.chart);
  let lo = min ?? 0, hi = max ?? 0;
  for (const l of p.chart.panels[p.panel].lines)
    for (const i of [first - 1, last + 1]) {
      lo = Math.min(lo, l.now[i] ?? lo);
      hi = Math.max(hi, l.now[i] ?? hi);
    }
  lo = Math.min(0, lo);
  return hi > lo ? [lo * 1.05, hi + (hi - lo) * 0.06] : [lo, lo + 1];
}

/** drawHoles hatches the times of which rows are missing. */
function drawHoles(u: uPlot, c: Completeness, colors: Ink) {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  for (const hole of c.by_time ?? []) {
    if (hole.ratio >= 1) continue;
    const x0 = Math.max(left, u.valToPos(Date.parse(hole.from) / 1000, "x", true));
    const x1 = Math.min(left + width, u.valToPos(Date.parse(hole.to) / 1000, "x", true));
    if (x1 <= x0) continue;
    ctx.save();
    ctx.beginPath();
    ctx.rect(x0, top, x1 - x0, height);
    ctx.clip();
    ctx.strokeStyle = colors.hatch;
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    const step = 7 * devicePixelRatio;
    for (let x = Math.floor((x0 - height) / step) * step; x < x1; x += step) {
      ctx.moveTo(x, top + height);
      ctx.lineTo(x + height, top);
    }
    ctx.stroke();
    ctx.restore();
  }
}

/** drawUnfilled draws the pieces to the buckets that the range does not have whole, dashed. */
function drawUnfilled(u: uPlot, p: ChartProps) {
  const [first, last] = fullSpan(p.chart);
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  ctx.clip();
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.lineWidth = 1.4 * devicePixelRatio;
  for (const l of p.chart.panels[p.panel].lines)
    for (const [a, b] of [[first - 1, first], [last, last + 1]]) {
      const va = l.now[a], vb = l.now[b];
      if (va === null || vb === null || va === undefined || vb === undefined) continue;
      ctx.strokeStyle = colorOf(l, p.colors) + (p.lit && p.lit !== l.id ? "30" : "cc");
      ctx.beginPath();
      ctx.moveTo(u.valToPos(p.chart.at[a], "x", true), u.valToPos(va, "y", true));
      ctx.lineTo(u.valToPos(p.chart.at[b], "x", true), u.valToPos(vb, "y", true));
      ctx.stroke();
    }
  ctx.restore();
}

/** drawMarkers draws a line where something happened, with what it was; a stretch of time is shaded. */
function drawMarkers(u: uPlot, p: ChartProps, colors: Ink) {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  const x = (iso: string) => u.valToPos(Date.parse(iso) / 1000, "x", true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.font = `${11 * devicePixelRatio}px sans-serif`;
  ctx.textAlign = "left";
  ctx.textBaseline = "top";
  for (const m of p.markers) {
    const at = x(m.time);
    ctx.fillStyle = ctx.strokeStyle = colors.text;
    ctx.lineWidth = devicePixelRatio;
    ctx.globalAlpha = 0.08;
    if (m.until) ctx.fillRect(at, top, x(m.until) - at, height);
    ctx.globalAlpha = 1;
    ctx.beginPath();
    ctx.moveTo(at, top);
    ctx.lineTo(at, top + height);
    ctx.stroke();
    ctx.fillText(m.text, at + 4 * devicePixelRatio, top + 2 * devicePixelRatio);
  }
  ctx.restore();
}

const tipLines = 12;

/** showTip lists the values under the cursor, the largest first. */
function showTip(u: uPlot, tip: HTMLElement, p: ChartProps) {
  const i = u.cursor.idx, left = u.cursor.left ?? -1;
  tip.hidden = i === null || i === undefined || left < 0 || u.select.width > 0;
  if (tip.hidden) return;
  const { lines } = p.chart.panels[p.panel];
  const held = lines.filter((l) => l.now[i!] !== null).sort((a, b) => b.now[i!]! - a.now[i!]!);
  const rows = held.slice(0, tipLines).map((l) => {
    const row = document.createElement("div");
    const swatch = document.createElement("i");
    swatch.style.background = colorOf(l, p.colors);
    const value = document.createElement("b");
    value.textContent = numberText(l.now[i!]!);
    row.append(swatch, l.label, value);
    const before = l.before?.[i!];
    if (before) {
      const change = document.createElement("small");
      change.textContent = changeText((l.now[i!]! - before) / Math.abs(before));
      row.append(change);
    }
    return row;
  });
  const head = document.createElement("div");
  head.className = "dim";
  head.textContent = timeText(p.chart.at[i!] * 1000, p.tz) + (held.length > tipLines ? `, ${held.length - tipLines} more` : "");
  tip.replaceChildren(head, ...rows);
  const right = left > u.over.clientWidth / 2;
  tip.style.left = right ? "" : left + 14 + "px";
  tip.style.right = right ? u.over.clientWidth - left + 14 + "px" : "";
}

function boxOf(u: uPlot, column: string): Box | null {
  const { left, width, top, height } = u.select;
  if (width < 3) return null;
  const ms = (x: number) => Math.round(u.posToVal(x, "x") * 1000);
  const whole = !column || height >= u.over.clientHeight - 2;
  const box = { from: ms(left), to: ms(left + width), column: "", lo: 0, hi: 0 };
  return whole ? box : { ...box, column, lo: u.posToVal(top + height, "y"), hi: u.posToVal(top, "y") };
}

/** showBox marks the box of the address. */
function showBox(u: uPlot, p: ChartProps) {
  const box = parseBox(p.box);
  if (!box) return u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  const own = box.column && box.column === measured(p.chart.panels[p.panel].aggregate);
  const within = (px: number, most: number) => Math.max(0, Math.min(most, px));
  const wide = u.over.clientWidth, high = u.over.clientHeight;
  const left = within(u.valToPos(box.from / 1000, "x"), wide), right = within(u.valToPos(box.to / 1000, "x"), wide);
  const top = own ? within(u.valToPos(box.hi, "y"), high) : 0, bottom = own ? within(u.valToPos(box.lo, "y"), high) : high;
  u.setSelect({ left, width: right - left, top, height: bottom - top }, false);
}
