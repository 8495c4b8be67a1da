// How values are spread over time: a column for each bucket, darker where more events are.

import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Answer } from "../api/types";
import { parseBox, printBox } from "../model/box";
import { cells, marks, partsOf, scaleOf, type Part, type Scale } from "../model/histogram";
import { numberText, shortNumber } from "../model/number";
import type { State } from "../model/state";
import { spanText, timeText } from "../model/time";
import { set } from "../nav";
import { Differs } from "./differs";
import { ink, isDark } from "./theme";
import { BoxBar } from "./timeview";

const height = 380, footer = 26, gutter = 52;

/** rows of cells that the map has: as many as are still told apart. */
const rows = 44;

type Field = { buckets: { at: number; parts: Part[]; cells: number[] }[]; width: number; from: number; to: number; scale: Scale; top: number };

function fieldOf(a: Answer): Field {
  const read = a.rows.map((row) => ({ at: Date.parse(String(row[0])), parts: partsOf(row[1]) }));
  const width = a.bucket?.width_ms ?? 1;
  const scale = scaleOf(read.flatMap((b) => b.parts));
  const buckets = read.map((b) => ({ ...b, cells: cells(b.parts, scale, rows) }));
  const filled = buckets.flatMap((b) => b.cells).filter((n) => n > 0).sort((x, y) => x - y);
  return {
    buckets, width, scale, top: filled[Math.floor(filled.length * 0.99)] ?? 1, // one crowded cell does not pale all others
    from: a.range.from ? Date.parse(a.range.from) : buckets[0].at, to: a.range.to ? Date.parse(a.range.to) : buckets.at(-1)!.at + width,
  };
}

/** shade goes from the page's ground to a strong blue, even steps for the eye. */
function shade(part: number): string {
  const t = Math.sqrt(Math.min(1, part));
  return isDark() ? `hsl(${250 - 70 * t} ${45 + 30 * t}% ${16 + 56 * t}%)` : `hsl(${205 + 30 * t} ${60 + 15 * t}% ${94 - 66 * t}%)`;
}

export function Heat({ s, answer }: { s: State; answer: Answer }) {
  const at = useRef<HTMLCanvasElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const mark = useRef<HTMLDivElement>(null);
  const field = useMemo(() => fieldOf(answer), [answer]);
  const column = s.value.replace(/^"(.*)"$/s, (_, n) => n.replaceAll('""', '"'));
  const size = () => ({ w: (at.current?.clientWidth ?? 2 * gutter) - gutter, h: height - footer });
  const x = (ms: number) => gutter + ((ms - field.from) / (field.to - field.from)) * size().w;
  const y = (v: number) => (1 - field.scale.at(v)) * size().h;

  useEffect(() => {
    const canvas = at.current!;
    const draw = () => drawField(canvas, field, answer, s.tz, x, y);
    draw();
    const resized = new ResizeObserver(draw);
    resized.observe(canvas);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      resized.disconnect();
      scheme.removeEventListener("change", draw);
    };
  }, [field, s.tz]);
  useEffect(() => {
    const box = parseBox(s.box);
    mark.current!.hidden = !box;
    if (box) place(mark.current!, x(box.from), x(box.to), box.column ? y(box.hi) : 0, box.column ? y(box.lo) : height - footer);
  }, [s.box, field]);

  const here = (e: PointerEvent) => {
    const r = at.current!.getBoundingClientRect();
    return [Math.max(gutter, Math.min(r.width, e.clientX - r.left)), Math.max(0, Math.min(height - footer, e.clientY - r.top))];
  };
  const drag = (down: PointerEvent) => {
    if (down.button !== 0) return;
    const [x0, y0] = here(down);
    at.current!.setPointerCapture(down.pointerId);
    const move = (e: PointerEvent) => {
      const [x1, y1] = here(e);
      mark.current!.hidden = false;
      place(mark.current!, Math.min(x0, x1), Math.max(x0, x1), Math.min(y0, y1), Math.max(y0, y1));
    };
    const up = (e: PointerEvent) => {
      at.current!.removeEventListener("pointermove", move);
      const [x1, y1] = here(e);
      const ms = (px: number) => Math.round(field.from + ((px - gutter) / size().w) * (field.to - field.from));
      const value = (px: number) => field.scale.value(1 - px / size().h);
      if (Math.abs(x1 - x0) < 4 || Math.abs(y1 - y0) < 4) return set({ box: "", differs: false });
      set({ differs: false, box: printBox({ from: ms(Math.min(x0, x1)), to: ms(Math.max(x0, x1)), column, lo: value(Math.max(y0, y1)), hi: value(Math.min(y0, y1)) }) });
    };
    at.current!.addEventListener("pointermove", move);
    at.current!.addEventListener("pointerup", up, { once: true });
  };
  const hover = (e: PointerEvent) => {
    const [px, py] = here(e);
    const ms = field.from + ((px - gutter) / size().w) * (field.to - field.from);
    const v = field.scale.value(1 - py / size().h);
    const bucket = field.buckets.find((b) => b.at <= ms && ms < b.at + field.width);
    const part = bucket?.parts.find((p) => p.lo <= v && v < p.hi);
    tip.current!.hidden = !part;
    if (!part) return;
    tip.current!.textContent = `${timeText(bucket!.at, s.tz)} · ${s.value} ${numberText(part.lo)} to ${numberText(part.hi)}: ${numberText(part.events)} events`;
    tip.current!.style.left = Math.min(px + 14, at.current!.clientWidth - 320) + "px";
    tip.current!.style.top = py + 14 + "px";
  };
  return (
    <div class="panels">
      <h2>{s.value} <span class="dim">events of each value, each {spanText(field.width)}</span></h2>
      <div class="heat" onPointerLeave={() => (tip.current!.hidden = true)}>
        <canvas ref={at} style={{ height: height + "px" }} onPointerDown={drag} onPointerMove={hover} role="img" aria-label={`${s.value} over time as a heat map`} />
        <div class="mark" ref={mark} hidden />
        <div class="tip" ref={tip} hidden />
      </div>
      <BoxBar s={s} />
      {s.differs && s.box && <Differs s={s} />}
    </div>
  );
}

function place(e: HTMLElement, left: number, right: number, top: number, bottom: number) {
  Object.assign(e.style, { left: left + "px", width: right - left + "px", top: top + "px", height: bottom - top + "px" });
}

function drawField(canvas: HTMLCanvasElement, f: Field, a: Answer, tz: string, x: (ms: number) => number, y: (v: number) => number) {
  const ratio = devicePixelRatio, w = canvas.clientWidth;
  canvas.width = w * ratio;
  canvas.height = height * ratio;
  const ctx = canvas.getContext("2d")!;
  const colors = ink();
  ctx.scale(ratio, ratio);
  ctx.font = "11px system-ui, sans-serif";
  ctx.fillStyle = colors.dim;
  ctx.strokeStyle = colors.rule;
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  for (const v of marks(f.scale)) {
    ctx.fillText(shortNumber(v), gutter - 8, Math.min(height - footer - 6, Math.max(6, y(v))));
    ctx.beginPath();
    ctx.moveTo(gutter, y(v));
    ctx.lineTo(w, y(v));
    ctx.stroke();
  }
  ctx.textAlign = "center";
  const labels = Math.max(2, Math.floor((w - gutter) / 110));
  for (let i = 0; i <= labels; i++) {
    const ms = f.from + ((f.to - f.from) * i) / labels;
    ctx.fillText(timeText(ms, tz, f.to - f.from < 600_000 ? "second" : "minute").slice(f.to - f.from > 86_400_000 ? 5 : 11), Math.min(w - 28, Math.max(gutter + 20, x(ms))), height - 10);
  }
  for (const b of f.buckets)
    for (const [i, events] of b.cells.entries()) {
      if (events <= 0) continue;
      const left = Math.max(gutter, x(b.at)), right = Math.min(w, x(b.at + f.width));
      const step = (height - footer) / rows;
      const top = i === 0 ? height - footer - 3 : height - footer - i * step;
      ctx.fillStyle = shade(events / f.top);
      ctx.fillRect(left, top, Math.max(1, right - left + 0.3), i === 0 ? 3 : step + 0.3);
    }
  ctx.strokeStyle = colors.hatch;
  for (const hole of a.completeness.by_time ?? []) {
    const left = Math.max(gutter, x(Date.parse(hole.from))), right = Math.min(w, x(Date.parse(hole.to)));
    for (let at = left; at < right; at += 7) {
      ctx.beginPath();
      ctx.moveTo(at, height - footer);
      ctx.lineTo(at, 0);
      ctx.stroke();
    }
  }
}
