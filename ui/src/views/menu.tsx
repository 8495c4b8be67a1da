// What can be done with a value, wherever it is clicked.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { addFilter, condition } from "../model/filter";
import { numberText, valueText } from "../model/number";
import type { Value } from "../api/types";
import { set, state } from "../nav";

export type Choice = { x: number; y: number; parts: { column: string; value: Value }[]; from: HTMLElement };

export const menu = signal<Choice | null>(null);

/** openMenu puts the menu at what was clicked. Columns are names as SQL writes them. */
export function openMenu(e: MouseEvent, parts: Choice["parts"]) {
  const from = e.currentTarget as HTMLElement;
  const box = from.getBoundingClientRect();
  openMenuAt(box.left, box.bottom + 4, parts, from);
}

/** openMenuAt puts it at a place of the window; the focus goes back to from. */
export function openMenuAt(x: number, y: number, parts: Choice["parts"], from: HTMLElement) {
  menu.value = { x: Math.min(x, innerWidth - 280), y: Math.min(y, innerHeight - 170), parts, from };
}

export function closeMenu() {
  menu.value?.from.focus();
  menu.value = null;
}

export function Menu() {
  const choice = menu.value;
  const at = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!choice) return;
    at.current!.querySelector("button")!.focus();
    const outside = (e: Event) => at.current?.contains(e.target as Node) || (menu.value = null);
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [choice]);
  const s = state.value;
  if (!choice || !s) return null;
  const filter = (include: boolean) => () => {
    let where = s.where;
    if (include) for (const p of choice.parts) where = addFilter(where, bare(p.column, p.value, true));
    else if (choice.parts.length === 1) where = addFilter(where, bare(choice.parts[0].column, choice.parts[0].value, false));
    else where = [...where, `NOT (${choice.parts.map((p) => bare(p.column, p.value, true)).join(" AND ")})`];
    menu.value = null;
    set({ where });
  };
  const group = choice.parts.length === 1 && !s.by.includes(choice.parts[0].column);
  const keys = (e: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!step) return;
    const all = [...at.current!.querySelectorAll("button")];
    all[(all.indexOf(document.activeElement as HTMLButtonElement) + step + all.length) % all.length].focus();
    e.preventDefault();
  };
  return (
    <div class="menu" ref={at} style={{ left: choice.x + "px", top: choice.y + "px" }} role="menu" onKeyDown={keys}>
      <div class="dim">{choice.parts.map((p) => `${p.column} = ${typeof p.value === "number" ? numberText(p.value) : valueText(p.value)}`).join(", ")}</div>
      <button role="menuitem" onClick={filter(true)}>Only this</button>
      <button role="menuitem" onClick={filter(false)}>Without this</button>
      {group && <button role="menuitem" onClick={() => { menu.value = null; set({ by: [...s.by, choice.parts[0].column] }); }}>Group by {choice.parts[0].column}</button>}
      <button role="menuitem" onClick={() => { void navigator.clipboard?.writeText(choice.parts.map((p) => valueText(p.value)).join("\t")); closeMenu(); }}>Copy</button>
    </div>
  );
}

/** bare is the condition on a column, or on an expression in its place. */
function bare(column: string, value: Value, include: boolean): string {
  const name = /^"((?:[^"]|"")*)"$/.exec(column)?.[1].replaceAll('""', '"');
  if (name !== undefined || /^[A-Za-z_][\w.]*$/.test(column)) return condition(name ?? column, value, include);
  return condition("\u0000", value, include).replaceAll('"\u0000"', column);
}
