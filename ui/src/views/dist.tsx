// How values are spread, a histogram for each group on one scale.

import { useMemo } from "preact/hooks";
import type { Answer } from "../api/types";
import { density, marks, partsOf, scaleOf } from "../model/histogram";
import { numberText, shortNumber } from "../model/number";
import { slots } from "../model/palette";
import { idOf, keyText } from "../model/series";
import { addFilter } from "../model/filter";
import type { State } from "../model/state";
import { set } from "../nav";
import { openMenu } from "./menu";
import { colorOf } from "./theme";

export function Dist({ s, answer }: { s: State; answer: Answer }) {
  const groups = useMemo(() => answer.rows.map((row) => ({ key: row.slice(0, s.by.length), parts: partsOf(row[s.by.length]) })), [answer]);
  const scale = useMemo(() => scaleOf(groups.flatMap((g) => g.parts)), [groups]);
  const colors = slots(groups.map((g) => idOf(g.key)));
  return (
    <div class="panels">
      <h2>{s.value} <span class="dim">events of each value, each group by its own height</span></h2>
      {groups.map((g) => {
        const top = Math.max(...g.parts.map(density), 1e-9);
        const color = colorOf({ id: idOf(g.key), other: false }, colors);
        const events = g.parts.reduce((sum, p) => sum + p.events, 0);
        return (
          <div class="dist" key={idOf(g.key)}>
            <div class="distname">
              {s.by.length > 0 && <button class="value" onClick={(e) => openMenu(e, s.by.map((column, i) => ({ column, value: g.key[i] })))}>{keyText(g.key)}</button>}
              <span class="dim">{numberText(events)} events</span>
            </div>
            <svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label={`${s.value} of ${keyText(g.key)}`} class={groups.length === 1 ? "tall" : ""}>
              {g.parts.map((p) => {
                const x = p.lo > 0 ? scale.at(p.lo) * 1000 : 0, to = p.lo > 0 ? scale.at(p.hi) * 1000 : 4;
                const h = (density(p) / top) * 96;
                return (
                  <rect x={x} width={Math.max(1, to - x - 1)} y={100 - h} height={h} fill={color}
                    onClick={() => set({ where: [`${s.value} >= ${p.lo}`, `${s.value} < ${p.hi}`].reduce(addFilter, s.where) })}>
                    <title>{`${numberText(p.lo)} to ${numberText(p.hi)}: ${numberText(p.events)} events`}</title>
                  </rect>
                );
              })}
            </svg>
          </div>
        );
      })}
      <div class="dist"><span /><div class="scalemarks">
        {marks(scale).map((v) => <span style={{ left: scale.at(v) * 100 + "%" }}>{shortNumber(v)}</span>)}
      </div></div>
    </div>
  );
}
