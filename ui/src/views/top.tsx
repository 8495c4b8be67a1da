// The bar over everything: which table, what is searched, when, live or not.

import { useRef, useState } from "preact/hooks";
import * as api from "../api/client";
import type { Range, TableColumn } from "../api/types";
import { useQuestion } from "../ask";
import { addFilter } from "../model/filter";
import { conditionOf } from "../model/search";
import { isLive, toAddress, type State } from "../model/state";
import { isoMs, isZone, localZone, relative } from "../model/time";
import { go, set, tableAddress } from "../nav";
import { Brand, Pages } from "./frame";
import { Suggest } from "./suggest";

const zones = () => [...new Set([localZone(), "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Tokyo", "Asia/Kolkata"])];

/** saidMs is how long the page says that it has copied. */
const saidMs = 2000;

/** Share copies the address: as it is, or with its range fixed to what is on screen. */
function Share({ s, answered }: { s: State; answered: Range | null }) {
  const [said, say] = useState("");
  const copy = (address: string, what: string) => {
    void navigator.clipboard?.writeText(location.origin + address).then(() => say(what), () => say("not allowed"));
    setTimeout(() => say(""), saidMs);
  };
  const fixed = answered?.from && answered.to ? toAddress({ ...s, from: isoMs(Date.parse(answered.from)), to: isoMs(Date.parse(answered.to)) }) : "";
  return (
    <>
      <button onClick={() => copy(toAddress(s), "copied")} title="a link to this picture; a relative range moves on">Copy link</button>
      {s.to === "" && fixed && <button onClick={() => copy(fixed, "copied, frozen")} title="a link to just this time">Copy frozen</button>}
      <span class="dim" role="status">{said}</span>
    </>
  );
}

export function Top({ s, columns, answered }: { s: State; columns: TableColumn[]; answered: Range | null }) {
  const { answer } = useQuestion((signal) => api.tables(signal), [s.table]);
  const names = [...new Set([s.table, ...(answer?.tables ?? []).map((t) => t.table)])].sort();
  const zone = useRef<HTMLSelectElement>(null);
  return (
    <header class="bar">
      <Brand />
      <select aria-label="Table" class="table" value={s.table} onChange={(e) => go(tableAddress(e.currentTarget.value))}>
        {names.map((n) => <option>{n}</option>)}
      </select>
      <Suggest id="search" s={s} columns={columns} placeholder={'search: service:api  "time out"  status >= 500'} label="Search"
        onEnter={(text) => set({ where: addFilter(s.where, conditionOf(text, columns)) })} />
      <select aria-label="Time zone" ref={zone} value={s.tz} onChange={(e) => isZone(e.currentTarget.value) && set({ tz: e.currentTarget.value })}>
        {[...new Set([s.tz, ...zones()])].map((z) => <option>{z}</option>)}
      </select>
      <button class="live" aria-pressed={isLive(s)} disabled={s.to !== "" || s.from === ""} onClick={() => set({ live: !s.live })}
        title={s.to ? "the range has an end" : relative(s.from) ? "the picture moves on by itself" : undefined}>
        <i />{isLive(s) ? "live" : "frozen"}
      </button>
      <Share s={s} answered={answered} />
      <Pages />
    </header>
  );
}
