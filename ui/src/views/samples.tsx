// The rows behind the picture, the newest first; one opens with all its fields.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Answer, TableColumn, Value } from "../api/types";
import { Exact, printExact } from "../model/exact";
import { quoteName } from "../model/lex";
import { numberText, valueText } from "../model/number";
import { idOf } from "../model/series";
import { sampleSizes, type State } from "../model/state";
import { isoMs, timeText } from "../model/time";
import { set } from "../nav";
import { openMenu } from "./menu";

/** opened is the text of the row that is open. */
const opened = signal("");

/** shownFirst orders columns: what is grouped and filtered by, text of few values, then long text. */
function shownFirst(a: Answer, s: State, columns: TableColumn[]): number[] {
  const weight = (i: number) => {
    const { name } = a.columns[i];
    const c = columns.find((c) => c.name === name);
    if (s.by.includes(quoteName(name))) return 0;
    if (/(^|\.)(status|ms|duration|level|severity|service|error)$/i.test(name)) return 1;
    if (!c) return 4;
    return (c.nulls > 0.9 ? 6 : 0) + ((c.distinct ?? 1e9) > 10_000 && c.types.string ? 4 : c.types.string ? 2 : 3);
  };
  const dull = (i: number) => a.columns[i].name === "sample_rate" || a.rows.every((row) => row[i] === null);
  return a.columns.map((_, i) => i).filter((i) => a.columns[i].name !== "time" && !dull(i)).sort((x, y) => weight(x) - weight(y) || x - y);
}

const columnsMax = 10;

export function Samples({ s, answer, columns }: { s: State; answer: Answer; columns: TableColumn[] }) {
  const held = useRef(answer);
  if (!opened.value) held.current = answer; // what is read does not run away
  const a = held.current;
  const order = shownFirst(a, s, columns);
  const text = order.find((i) => /(^|\.)(message|msg|text|body)$/i.test(a.columns[i].name));
  const shown = text === undefined ? order.slice(0, columnsMax) : [...order.filter((i) => i !== text).slice(0, columnsMax - 1), text];
  const time = a.columns.findIndex((c) => c.name === "time");
  useEffect(() => () => void (opened.value = ""), []);
  const toggle = (id: string) => {
    opened.value = opened.value === id ? "" : id;
    if (s.live && opened.value) set({ live: false }, true);
  };
  return (
    <div class="scroll">
      <p class="note dim">the newest {numberText(a.rows.length)} rows; a click on one shows all of it</p>
      <table class="grid samples">
        <thead><tr><th>time</th>{shown.map((i) => <th>{a.columns[i].name}</th>)}</tr></thead>
        <tbody>{a.rows.map((row) => {
          const id = idOf(row);
          const open = opened.value === id;
          return (
            <>
              <tr key={id} class={open ? "open" : ""} onClick={(e) => (e.target as HTMLElement).closest("button.value") || toggle(id)}>
                <th scope="row"><button class="row" aria-expanded={open}>{timeText(String(row[time]), s.tz, "ms")}</button></th>
                {shown.map((i) => <td class={row[i] === null ? "null" : typeof row[i] === "number" || row[i] instanceof Exact ? "n" : ""}>{row[i] === null ? "" : valueText(row[i])}</td>)}
              </tr>
              {open && <tr class="event"><td colSpan={shown.length + 1}><Event a={a} row={row} s={s} /></td></tr>}
            </>
          );
        })}</tbody>
      </table>
      <More s={s} a={a} last={String(a.rows.at(-1)?.[time])} />
    </div>
  );
}

/** More leads to older rows. What is read then is not to move on, so it is frozen. */
function More({ s, a, last }: { s: State; a: Answer; last: string }) {
  const next = sampleSizes.find((n) => n > s.rows);
  const to = isoMs(Date.parse(last) + 1); // rows of one time may stand on both pages, and none on neither
  if (a.rows.length < s.rows) return null;
  const older = () => {
    scrollTo(0, 0);
    set({ from: a.range.from ? isoMs(Date.parse(a.range.from)) : "", to });
  };
  return (
    <p class="row">
      {next && <button onClick={() => set({ rows: next, live: false })}>{numberText(next)} rows</button>}
      {to !== s.to && <button onClick={older}>Older</button>}
    </p>
  );
}

/** Event is one row, the fields that are rare among the others first. */
function Event({ a, row, s }: { a: Answer; row: Value[]; s: State }) {
  const same = (i: number) => a.rows.reduce((n, r) => n + Number(valueText(r[i]) === valueText(row[i])), 0) / a.rows.length;
  const fields = a.columns.map((c, i) => ({ name: c.name, type: c.type, value: row[i], common: same(i) })).filter((f) => f.value !== null);
  const unique = 1.5 / a.rows.length; // what every row has its own of says nothing
  fields.sort((x, y) => Number(x.common < unique) - Number(y.common < unique) || x.common - y.common);
  const json = `{${a.columns.flatMap((c, i) => (row[i] === null ? [] : [JSON.stringify(c.name) + ":" + printExact(row[i])])).join(",")}}`;
  return (
    <>
      <dl>{fields.map((f) => (
        <>
          <dt>{f.name}</dt>
          <dd>
            <button class="value" onClick={(e) => openMenu(e, [{ column: quoteName(f.name), value: f.value }])}>
              {f.type === "time" ? timeText(String(f.value), s.tz, "ms") : valueText(f.value)}
            </button>
            {f.common >= unique && a.rows.length > 1 && <small class="dim"> {f.common > 0.995 ? "as all of these" : `as ${Math.max(1, Math.round(f.common * 100))}% of these`}</small>}
          </dd>
        </>
      ))}</dl>
      <button onClick={() => void navigator.clipboard?.writeText(json)}>Copy as JSON</button>
    </>
  );
}
