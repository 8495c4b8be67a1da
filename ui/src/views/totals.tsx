// Groups in numbers: a line each, sorted, with the change against the earlier time.

import type { Answer, Value } from "../api/types";
import { Exact } from "../model/exact";
import { changeText, numberText, valueText } from "../model/number";
import { columnsPer, idOf, numberOf, otherLabel, type Chart } from "../model/series";
import type { State } from "../model/state";
import { timeText } from "../model/time";
import { set } from "../nav";
import { openMenu } from "./menu";
import { Rows } from "./rows";
import { Spark } from "./spark";
import { lit } from "./timeview";
import { colorOf } from "./theme";

type Props = { s: State; answer: Answer; keys: number; chart?: Chart; colors?: Map<string, number>; plain?: boolean };

export function Totals({ s, answer: a, keys, chart, colors, plain }: Props) {
  const others = new Set(a.other?.rows ?? []);
  const per = plain ? 1 : columnsPer(a);
  const numeric = a.columns.map((c) => c.type === "int64" || c.type === "float64");
  const isChange = (c: number) => !plain && per === 3 && c >= keys && (c - keys) % 3 === 2;
  const isBefore = (c: number) => !plain && per === 3 && c >= keys && (c - keys) % 3 === 1;
  const columns = a.columns.map((c, i) => ({ ...c, i })).filter(({ i }) => !isBefore(i));
  const cell = (row: Value[], other: boolean, i: number) => {
    const v = row[i];
    if (isChange(i)) {
      const change = numberOf(v);
      return <td class={"n " + (change === null || Math.abs(change) < 0.0005 ? "dim" : change > 0 ? "up" : "down")} title={"before: " + valueText(row[i - 1])}>{changeText(change)}</td>;
    }
    if (i < keys) {
      if (other) return <td class="dim">{i === 0 ? otherLabel(a) : ""}</td>;
      return (
        <td class={numeric[i] ? "n" : ""}>
          <button class={v === null ? "value null" : "value"} onClick={(e) => openMenu(e, [{ column: s.by[i], value: v }])}>
            {a.columns[i].type === "time" && v !== null ? timeText(String(v), s.tz) : valueText(v) || "(empty)"}
          </button>
        </td>
      );
    }
    const n = numeric[i] && (typeof v === "number" || v instanceof Exact);
    return <td class={v === null ? "n null" : n ? "n" : ""}>{v === null ? "–" : n ? (/(^|[._])id$/.test(a.columns[i].name) ? String(v) : numberText(v)) : a.columns[i].type === "time" ? timeText(String(v), s.tz, "ms") : valueText(v)}</td>;
  };
  return (
    <div class="scroll">
      <table class="grid totals" aria-rowcount={a.rows.length + 1}>
        <thead><tr>
          {chart && <th aria-label="colour" />}
          {columns.map(({ name, i }) => <Head key={name} s={s} name={name} i={i} numeric={numeric[i]} change={isChange(i)} fixed={plain || (i < keys)} />)}
          {chart && <th>trend</th>}
        </tr></thead>
        <Rows count={a.rows.length} span={columns.length + (chart ? 2 : 0)} row={(r) => {
            const row = a.rows[r], other = others.has(r);
            const id = other ? "other" : idOf(row.slice(0, keys));
            const line = chart?.panels[0].lines.find((l) => l.id === id);
            const color = chart && colors && (line || other) ? colorOf({ id, other }, colors) : "transparent";
            return (
              <tr key={plain ? r : id} data-row={r} onMouseEnter={() => chart && (lit.value = id)} onMouseLeave={() => (lit.value = "")}>
                {chart && (
                  <td class="swatch">{keys > 1 && !other
                    ? <button style={{ background: color }} aria-label={"filter by " + valueText(row.slice(0, keys))} onClick={(e) => openMenu(e, s.by.map((column, k) => ({ column, value: row[k] })))} />
                    : <i style={{ background: color }} />}</td>
                )}
                {columns.map(({ i }) => cell(row, other, i))}
                {chart && <td class="trend">{line && <Spark values={line.now} color={color} />}</td>}
              </tr>
            );
          }} />
      </table>
    </div>
  );
}

function Head({ s, name, i, numeric, change, fixed }: { s: State; name: string; i: number; numeric: boolean; change: boolean; fixed?: boolean }) {
  const kind = numeric ? "n" : "";
  if (change) return <th class={kind}>vs {s.compare}</th>;
  if (fixed) return <th class={kind}>{name}</th>;
  const usual = s.sort === "" && name === s.show[0];
  const direction = usual || s.sort === `${name} DESC` ? "descending" : s.sort === `${name} ASC` ? "ascending" : undefined;
  return (
    <th class={kind} aria-sort={direction} data-column={i}>
      <button class="value" onClick={() => set({ sort: direction === "descending" ? `${name} ASC` : `${name} DESC` })}>
        {name}{direction === "descending" ? " ↓" : direction === "ascending" ? " ↑" : ""}
      </button>
    </th>
  );
}
