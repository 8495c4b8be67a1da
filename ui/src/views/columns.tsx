// The table's columns: types, how full they are, their top values.

import { useState } from "preact/hooks";
import * as api from "../api/client";
import type { TableColumn } from "../api/types";
import { useQuestion } from "../ask";
import { typeText } from "../model/columns";
import { quoteName } from "../model/lex";
import { percentText, shortNumber, valueText } from "../model/number";
import type { State } from "../model/state";
import { set } from "../nav";
import { FaultBox } from "./frame";
import { openMenu } from "./menu";

export function Columns({ s, columns }: { s: State; columns: TableColumn[] }) {
  const [sought, seek] = useState("");
  const [open, setOpen] = useState("");
  const found = columns.filter((c) => c.name.toLowerCase().includes(sought.toLowerCase()));
  return (
    <section class="columns" aria-label="Columns">
      <label class="knob"><span>Columns ({columns.length})</span>
        <input type="search" value={sought} placeholder="find" aria-label="Find a column" onInput={(e) => seek(e.currentTarget.value)} /></label>
      <ul>{found.map((c) => (
        <li key={c.name}>
          <button class="column" aria-expanded={open === c.name} onClick={() => setOpen(open === c.name ? "" : c.name)} title={`${typeText(c)}, ${percentText(1 - c.nulls)} of rows have one`}>
            <span>{c.name}</span><small class="dim">{typeText(c)} {c.nulls > 0 ? percentText(1 - c.nulls) : ""}</small>
          </button>
          {open === c.name && <Top s={s} column={c} />}
        </li>
      ))}</ul>
    </section>
  );
}

const valuesShown = 10;

function Top({ s, column }: { s: State; column: TableColumn }) {
  const { answer, fault } = useQuestion((signal) => api.values(s.table, column.name, "", signal), [s.table, column.name]);
  const name = quoteName(column.name);
  const top = answer?.values.slice(0, valuesShown) ?? [];
  const most = Math.max(...top.map((v) => v.count), 1);
  return (
    <div class="topvalues">
      <div class="row">
        {column.distinct !== null && <small class="dim">{shortNumber(column.distinct)} values</small>}
        {!s.by.includes(name) && <button onClick={() => set({ by: [...s.by, name] })}>Group by</button>}
      </div>
      <FaultBox fault={fault} />
      {answer && answer.completeness.ratio < 1 && <p class="note warn">! of {percentText(answer.completeness.ratio)} of the rows</p>}
      {top.map((v) => (
        <button class="value" key={valueText(v.value)} onClick={(e) => openMenu(e, [{ column: name, value: v.value }])}>
          <span>{valueText(v.value) || "(empty)"}</span><meter min={0} max={most} value={v.count} aria-label="share of the largest" /><small class="dim">{shortNumber(v.count)}</small>
        </button>
      ))}
    </div>
  );
}
