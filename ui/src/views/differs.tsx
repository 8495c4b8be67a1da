// What sets a box apart from the rest of the picture.

import * as api from "../api/client";
import { useQuestion } from "../ask";
import { boxCondition, parseBox, valueConditions } from "../model/box";
import { addFilter, condition } from "../model/filter";
import { quoteName } from "../model/lex";
import { numberText, percentText, valueText } from "../model/number";
import { idOf } from "../model/series";
import type { State } from "../model/state";
import { relative, durationMs, isoMs } from "../model/time";
import type { Difference, Value } from "../api/types";
import { set } from "../nav";
import { FaultBox } from "./frame";

const and = (...conditions: string[]) => conditions.filter(Boolean).map((c) => `(${c})`).join(" AND ");

/** ask is what POST /v1/differs is asked: rows in the box against the others of the range, under the same filters. */
function ask(s: State) {
  const box = parseBox(s.box)!;
  const inside = boxCondition(box);
  const last = relative(s.from);
  return {
    table: s.table, selection: and(...s.where, inside), rest: and(...s.where, `NOT (${inside})`),
    from: last ? isoMs(Math.min(Date.now() - durationMs(last), box.from)) : s.from || undefined, to: s.to || undefined,
  };
}

const share = (ratio: number) => <span class="share"><progress max={1} value={ratio} /><span>{percentText(ratio).replace(/\..*%/, "%")}</span></span>;

export function Differs({ s }: { s: State }) {
  const { answer, fault, busy } = useQuestion((signal) => api.differs(ask(s), signal), [s.table, s.box, s.where.join("\n"), s.from, s.to]);
  const say = (column: string, value: Value) => `${column} = ${valueText(value)}`;
  const only = (d: Difference) => () => {
    const box = parseBox(s.box)!;
    let where = addFilter(s.where, condition(d.column, d.value, true));
    if (d.and_column) where = addFilter(where, condition(d.and_column, d.and_value!, true));
    set({ where: valueConditions(box).reduce((w, c) => w.filter((f) => f !== c), where) });
  };
  const group = (d: Difference) => () => {
    const names = [d.column, d.and_column].filter((n) => n !== undefined).map(quoteName);
    set({ by: [...s.by, ...names.filter((n) => !s.by.includes(n))] });
  };
  return (
    <section class="differs" aria-label="What differs" aria-busy={busy}>
      <h2>What differs</h2>
      <FaultBox fault={fault} />
      {answer && (
        <p class="dim">{numberText(answer.events_selection)} events in the box, {numberText(answer.events_rest)} outside
          · {percentText(answer.completeness.ratio)} complete · {numberText(Number(answer.stats.elapsed_ms.toPrecision(2)))} ms</p>
      )}
      {answer?.warnings.map((w) => <p class="note dim">{w}</p>)}
      {answer && answer.columns.length === 0 && <p>Nothing sets the box apart.</p>}
      {answer && answer.columns.length > 0 && (
        <div class="scroll"><table class="grid">
          <thead><tr><th>value</th><th>in the box</th><th>outside</th><th></th></tr></thead>
          <tbody>{answer.columns.map((d) => (
            <tr key={idOf([d.column, d.value, d.and_column ?? null, d.and_value ?? null])}>
              <th scope="row">{say(d.column, d.value)}{d.and_column && <><span class="dim"> and </span>{say(d.and_column, d.and_value!)}</>}</th>
              <td>{share(d.share_selection)}</td><td>{share(d.share_rest)}</td>
              <td><button onClick={only(d)}>Filter</button> <button onClick={group(d)}>Group</button></td>
            </tr>
          ))}</tbody>
        </table></div>
      )}
    </section>
  );
}
