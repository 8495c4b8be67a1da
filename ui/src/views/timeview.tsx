// Lines over time, one panel for each aggregate, and beneath them the groups in numbers.

import { signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Answer } from "../api/types";
import { boxCondition, parseBox, printBox, valueConditions } from "../model/box";
import { addFilter } from "../model/filter";
import { slots } from "../model/palette";
import { chartOf } from "../model/series";
import type { State } from "../model/state";
import { isoMs, spanText } from "../model/time";
import { set } from "../nav";
import { MarkForm, useMarkers } from "./markers";
import { Lines } from "./chart";
import { Differs } from "./differs";
import { openMenuAt } from "./menu";
import { Totals } from "./totals";

/** lit is the line that is pointed at in the table. */
export const lit = signal("");

const heights = [0, 300, 210, 170, 150];

export function TimeView({ s, answer, totals }: { s: State; answer: Answer; totals: Answer | null }) {
  const chart = useMemo(() => chartOf(answer, s.by.length, s.show, s.gaps), [answer, s.gaps]);
  if (!chart) return null;
  const ids = chart.panels[0].lines.filter((l) => !l.other).map((l) => l.id);
  const colors = useMemo(() => slots(ids), [ids.join("\n")]);
  const mine = useMarkers(s);
  return (
    <>
      <div class="panels">
        {chart.panels.map((p, i) => (
          <section key={p.aggregate}>
            <h2>{p.aggregate}{i === 0 && <span class="dim"> each {spanText(chart.widthMs)}</span>}</h2>
            <Lines chart={chart} panel={i} completeness={answer.completeness} colors={colors} tz={s.tz} gaps={s.gaps} box={s.box} markers={mine} lit={lit.value}
              height={heights[Math.min(s.show.length, heights.length - 1)]} onBox={(box) => set({ box: box ? printBox(box) : "", differs: false })}
              onLine={(line, x, y, from) => openMenuAt(x, y, s.by.map((column, k) => ({ column, value: line.key[k] })), from)} />
          </section>
        ))}
        <BoxBar s={s} />
        {s.box && <MarkForm key={s.box} s={s} />}
      </div>
      {s.differs && s.box && <Differs s={s} />}
      {totals && <Totals s={s} answer={totals} keys={s.by.length} chart={chart} colors={colors} />}
    </>
  );
}

/** BoxBar is what can be done with a box. */
export function BoxBar({ s }: { s: State }) {
  const box = parseBox(s.box);
  if (!box) return null;
  const time = { from: isoMs(box.from), to: isoMs(box.to), box: "", differs: false };
  const where = valueConditions(box).reduce(addFilter, s.where);
  return (
    <div class="boxbar" role="toolbar" aria-label="The box">
      <button data-act="zoom" onClick={() => set(time)}>Zoom</button>
      <button onClick={() => set({ ...time, where, view: "samples" })}>Samples</button>
      <button aria-pressed={s.differs} onClick={() => set({ differs: !s.differs })}>What differs?</button>
      {box.column && <button onClick={() => set({ ...time, where })}>Filter to it</button>}
      <button class="quiet" aria-label="Drop the box" title={boxCondition(box)} onClick={() => set({ box: "", differs: false })}>×</button>
    </div>
  );
}
