// A field for a condition, which knows the table's columns and their values.

import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api/client";
import type { TableColumn } from "../api/types";
import { condition } from "../model/filter";
import { quoteName } from "../model/lex";
import { shortNumber, valueText } from "../model/number";
import type { State } from "../model/state";

type Offer = { text: string; note: string; whole: boolean };
type Props = {
  id: string; s: State; columns: TableColumn[]; placeholder: string; label: string; onEnter: (text: string) => void;
  initial?: string; plain?: string[]; onLeave?: () => void;
};

const offersMax = 12;

/** Suggest offers columns, and after a column and = or : its values; plain are offers instead of both. */
export function Suggest({ id, s, columns, placeholder, label, onEnter, initial = "", plain, onLeave }: Props) {
  const [text, setText] = useState(initial);
  const [offers, setOffers] = useState<Offer[]>([]);
  const [at, setAt] = useState(-1);
  const [open, setOpen] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!open) return;
    const stop = new AbortController();
    find(text, s, columns, plain, stop.signal).then((found) => {
      if (stop.signal.aborted) return;
      setOffers(found.slice(0, offersMax));
      setAt(-1);
    }, () => undefined); // offers are a comfort: without them the field still works
    return () => stop.abort();
  }, [text, open, columns]);
  const enter = (value: string) => {
    if (!value.trim()) return;
    setText("");
    setOpen(false);
    onEnter(value.trim());
  };
  const take = (o: Offer) => {
    if (o.whole) return enter(o.text);
    setText(o.text);
    field.current!.focus();
  };
  const keys = (e: KeyboardEvent) => {
    if (e.key === "Enter") at >= 0 && open ? take(offers[at]) : enter(text);
    else if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      const step = e.key === "ArrowDown" ? 1 : -1;
      setOpen(true);
      setAt(offers.length ? (at + step + offers.length) % offers.length : -1);
    } else if (e.key === "Escape") {
      setOpen(false);
      onLeave?.();
      return;
    } else return;
    e.preventDefault();
  };
  const showing = open && offers.length > 0;
  return (
    <div class="suggest">
      <input id={id} ref={field} value={text} placeholder={placeholder} aria-label={label} autocomplete="off" spellcheck={false} role="combobox"
        aria-expanded={showing} aria-controls={id + "-offers"} aria-activedescendant={at >= 0 ? `${id}-${at}` : undefined}
        onInput={(e) => { setText(e.currentTarget.value); setOpen(true); }} onFocus={() => setOpen(true)}
        onBlur={() => { setOpen(false); onLeave?.(); }} onKeyDown={keys} />
      <ul id={id + "-offers"} role="listbox" aria-label={label + ": offers"} hidden={!showing}>
        {showing && offers.map((o, i) => (
          <li id={`${id}-${i}`} role="option" aria-selected={i === at} onPointerDown={(e) => { e.preventDefault(); take(o); }}>
            <span>{o.text}</span><small class="dim">{o.note}</small>
          </li>
        ))}
      </ul>
    </div>
  );
}

async function find(text: string, s: State, columns: TableColumn[], plain: string[] | undefined, signal: AbortSignal): Promise<Offer[]> {
  const typed = text.trim().toLowerCase();
  if (plain) return plain.filter((p) => p.toLowerCase().includes(typed)).map((p) => ({ text: p, note: "", whole: true }));
  const value = /^("[^"]+"|[A-Za-z_][\w.]*)\s*(=|!=|:)\s*'?([^']*)$/.exec(text.trim());
  const name = value?.[1].replace(/^"(.*)"$/, "$1");
  if (value && columns.some((c) => c.name === name)) {
    const { values } = await api.values(s.table, name!, value[3], signal);
    return values.map((v) => ({ text: condition(name!, v.value, value[2] !== "!="), note: shortNumber(v.count), whole: true }));
  }
  return columns.filter((c) => c.name.toLowerCase().includes(typed))
    .map((c) => ({ text: quoteName(c.name) + " = ", note: c.distinct === null ? "" : valueText(shortNumber(c.distinct)) + " values", whole: false }));
}
