// The mixing desk: every knob of the picture, none hidden.

import { useState } from "preact/hooks";
import type { Fault } from "../api/client";
import type { TableColumn, TableDetail } from "../api/types";
import { aggregatesFor, isNumeric } from "../model/columns";
import { addFilter, invert } from "../model/filter";
import { quoteName } from "../model/lex";
import { conditionOf } from "../model/search";
import { gapRules, topMax, views, type State } from "../model/state";
import { durationMs, isTime, relative } from "../model/time";
import { set } from "../nav";
import { Columns } from "./columns";
import { FaultBox } from "./frame";
import { Suggest } from "./suggest";

const viewNames = { time: "Time", table: "Table", heat: "Heat", dist: "Dist", samples: "Samples" };
const ranges = ["5m", "15m", "1h", "6h", "24h", "7d"];
const earlier = ["5m", "10m", "30m", "1h", "6h", "1d", "1w"];
const steps = ["auto", "1s", "5s", "10s", "30s", "1m", "5m", "15m", "1h", "6h", "1d"];

export function Knobs({ s, table, fault }: { s: State; table: TableDetail | null; fault: Fault | null }) {
  const columns = table?.columns ?? [];
  return (
    <aside class="knobs" aria-label="Knobs">
      <div class="views" role="group" aria-label="View">
        {views.map((v) => <button aria-pressed={s.view === v && !s.sql} onClick={() => set({ view: v, box: v === "time" || v === "heat" ? s.box : "", differs: false })}>{viewNames[v]}</button>)}
      </div>
      {s.sql && <p class="note dim">SQL of its own is on screen. Turning a knob leaves it.</p>}
      <Time s={s} />
      <label class="knob"><span>Compare</span>
        <select id="compare" value={s.compare} onChange={(e) => set({ compare: e.currentTarget.value })}>
          <option value="">with nothing</option>
          {[...new Set([...earlier, ...(s.compare ? [s.compare] : [])])].map((d) => <option value={d}>{d} earlier</option>)}
        </select>
      </label>
      <Chips name="Show" id="add-show" s={s} columns={columns} items={s.show} least={1} placeholder="+ p99(ms)" plain={aggregatesFor(columns)} onChange={(show) => set({ show, sort: "" })} />
      <Chips name="Group by" id="add-by" s={s} columns={columns} items={s.by} least={0} placeholder="+ column" plain={columns.map((c) => quoteName(c.name))} onChange={(by) => set({ by })} />
      {s.by.length > 0 && (
        <div class="knob"><span>Groups</span>
          <span class="row">top <input type="number" min={1} max={topMax} value={s.top} aria-label="Groups at most"
            onChange={(e) => { const top = Number(e.currentTarget.value); if (Number.isInteger(top) && top >= 1 && top <= topMax) set({ top }); else e.currentTarget.value = String(s.top); }} />
            <label class="check"><input type="checkbox" checked={s.other} onChange={(e) => set({ other: e.currentTarget.checked })} /> Other</label></span>
        </div>
      )}
      <Filters s={s} columns={columns} />
      {(s.view === "time" || s.view === "heat") && (
        <label class="knob"><span>Granularity</span>
          <select value={s.step} onChange={(e) => set({ step: e.currentTarget.value })}>{[...new Set([...steps, s.step])].map((d) => <option>{d}</option>)}</select></label>
      )}
      {s.view === "time" && (
        <label class="knob"><span>Gaps</span>
          <select value={s.gaps} onChange={(e) => set({ gaps: e.currentTarget.value as State["gaps"] })}>
            {gapRules.map((g) => <option value={g}>{{ auto: "0 for counts", open: "left open", bridge: "bridged" }[g]}</option>)}
          </select></label>
      )}
      {(s.view === "heat" || s.view === "dist") && (
        <label class="knob"><span>Value</span>
          <select value={s.value} onChange={(e) => set({ value: e.currentTarget.value, box: "" })}>
            {[...new Set([s.value, ...columns.filter(isNumeric).map((c) => quoteName(c.name))])].filter(Boolean).map((n) => <option>{n}</option>)}
          </select></label>
      )}
      <label class="knob"><span>Weights</span>
        <select value={s.raw ? "raw" : "events"} onChange={(e) => set({ raw: e.currentTarget.value === "raw" })}>
          <option value="events">events</option><option value="raw">stored rows</option>
        </select></label>
      {fault?.code !== "unknown_table" && <FaultBox fault={fault} />}
      <Columns s={s} columns={columns} />
    </aside>
  );
}

function Time({ s }: { s: State }) {
  const last = relative(s.from);
  const change = (name: "from" | "to") => (e: Event) => {
    const field = e.currentTarget as HTMLInputElement;
    const typed = field.value.trim();
    const from = typed === "" || typed === "now" || typed === "all" ? "" : durationMs(typed) > 0 ? "-" + typed : typed;
    const good = from === "" || isTime(from) || (name === "from" && relative(from));
    field.setAttribute("aria-invalid", String(!good));
    if (good) set({ [name]: from, ...(name === "from" && relative(from) && { to: "" }), box: "", differs: false });
  };
  return (
    <fieldset class="knob time"><legend>Time</legend>
      <div class="row chips">
        {ranges.map((r) => <button aria-pressed={last === r} onClick={() => set({ from: "-" + r, to: "", box: "", differs: false })}>{r}</button>)}
        <button aria-pressed={s.from === ""} onClick={() => set({ from: "", to: "", box: "", differs: false })}>all</button>
      </div>
      <div class="row">
        <input id="from" key={"f" + s.from} defaultValue={s.from || "all"} aria-label="From" title="-2h, or a time such as 2026-11-22T10:00Z" onChange={change("from")} />
        <span class="dim">→</span>
        <input key={"t" + s.to} defaultValue={s.to || "now"} aria-label="To" disabled={last !== null} onChange={change("to")} />
      </div>
    </fieldset>
  );
}

type ChipsProps = { name: string; id: string; s: State; columns: TableColumn[]; items: string[]; least: number; placeholder: string; plain: string[]; onChange: (items: string[]) => void };

function Chips({ name, id, s, columns, items, least, placeholder, plain, onChange }: ChipsProps) {
  return (
    <div class="knob" role="group" aria-label={name}><span>{name}</span>
      <div class="pills">
        {items.map((item, i) => (
          <span class="pill" key={item}>{item}{items.length > least && <button aria-label={`remove ${item}`} onClick={() => onChange(items.filter((_, j) => j !== i))}>×</button>}</span>
        ))}
        <Suggest id={id} s={s} columns={columns} plain={plain.filter((p) => !items.includes(p))} placeholder={placeholder} label={"Add to " + name.toLowerCase()} onEnter={(text) => items.includes(text) || onChange([...items, text])} />
      </div>
    </div>
  );
}

function Filters({ s, columns }: { s: State; columns: TableColumn[] }) {
  const [edited, edit] = useState(-1);
  const put = (i: number, filter: string | null) => set({ where: s.where.flatMap((f, j) => (j !== i ? [f] : filter ? [filter] : [])) });
  return (
    <div class="knob" role="group" aria-label="Filters"><span>Filters</span>
      <div class="pills">
        {s.where.map((f, i) => edited === i
          ? <Suggest key={"edit" + f} id="edit-filter" s={s} columns={columns} initial={f} placeholder="" label="Edit the filter" onEnter={(text) => { edit(-1); put(i, conditionOf(text, columns)); }} onLeave={() => edit(-1)} />
          : (
            <span class="pill" key={f}>
              <button class="value" title="edit" onClick={() => { edit(i); requestAnimationFrame(() => document.getElementById("edit-filter")?.focus()); }}>{f}</button>
              <button aria-label={`turn ${f} round`} title="turn round" onClick={() => put(i, invert(f))}>⇄</button>
              <button aria-label={`remove ${f}`} onClick={() => put(i, null)}>×</button>
            </span>
          ))}
        <Suggest id="add-filter" s={s} columns={columns} placeholder="+ status >= 500" label="Add a filter" onEnter={(text) => set({ where: addFilter(s.where, conditionOf(text, columns)) })} />
      </div>
    </div>
  );
}
