// What happened when, as people have said: drawn into the lines over time.

import { signal } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";
import * as api from "../api/client";
import { Fault } from "../api/client";
import { useQuestion, useTick } from "../ask";
import { parseBox } from "../model/box";
import type { State } from "../model/state";
import { isoMs } from "../model/time";
import { set } from "../nav";
import { FaultBox } from "./frame";

/** everyMs is how soon the markers of others are seen. */
const everyMs = 15_000;

/** made counts the markers that this page has made: each is seen at once. */
const made = signal(0);

/** useMarkers is the markers of the table, and those of none. Without them the lines are what they are. */
export function useMarkers(s: State) {
  const { answer } = useQuestion((signal) => api.markers(signal), [made.value], useTick(everyMs));
  return useMemo(() => (answer?.markers ?? []).filter((m) => !m.table || m.table === s.table), [answer, s.table]);
}

/** MarkForm marks the time of the box. */
export function MarkForm({ s }: { s: State }) {
  const [text, setText] = useState("");
  const [fault, setFault] = useState<Fault | null>(null);
  const box = parseBox(s.box);
  if (!box) return null;
  const save = async (e: Event) => {
    e.preventDefault();
    try {
      await api.addMarker({ text: text.trim(), time: isoMs(box.from), until: isoMs(box.to), table: s.table });
      made.value++;
      set({ box: "", differs: false });
    } catch (e) {
      setFault(e instanceof Fault ? e : new Fault("page", `the marker was not saved: ${e}`));
    }
  };
  return (
    <form class="boxbar" onSubmit={save}>
      <input aria-label="What happened in the box" placeholder="what happened here" value={text} onInput={(e) => setText(e.currentTarget.value)} />
      <button disabled={!text.trim()}>Mark it</button>
      <FaultBox fault={fault} />
    </form>
  );
}
