// Keys, as in the list that `?` shows.

import { set } from "./nav";
import type { State } from "./model/state";
import { closeMenu, menu } from "./views/menu";
import { helpOpen } from "./views/help";
import { sqlOpen } from "./views/explore";

export const keyList: [string, string][] = [
  ["/", "search"], ["g", "group by"], ["t", "time range"], ["c", "compare"], ["f", "filter"], ["s", "SQL of what is on screen"], ["x", "samples"],
  ["1 … 5", "views"], ["l", "live or frozen"], ["z", "zoom to the box"], ["d", "what differs in the box"], ["Esc", "close, drop the box"], ["?", "these keys"],
];

const focusOn: Record<string, string> = { "/": "search", g: "add-by", t: "from", c: "compare", f: "add-filter" };
const byNumber = ["time", "table", "heat", "dist", "samples"] as const;

/** onKey listens until the function that it returns is called. */
export function onKey(s: State): () => void {
  const heard = (e: KeyboardEvent) => {
    const typing = (e.composedPath()[0] as HTMLElement).closest?.<HTMLElement>("input, textarea, select, [contenteditable]");
    if (e.key === "Escape") return typing ? typing.blur() : escape(s);
    if (typing || e.ctrlKey || e.metaKey || e.altKey) return;
    const act = actions(s)[e.key];
    if (e.key in focusOn) {
      const field = document.getElementById(focusOn[e.key]) as HTMLInputElement | null;
      field?.focus();
      field?.select?.();
    } else if (act) {
      act();
    } else {
      return;
    }
    e.preventDefault();
  };
  addEventListener("keydown", heard);
  return () => removeEventListener("keydown", heard);
}

function actions(s: State): Record<string, () => void> {
  const box = document.querySelector<HTMLButtonElement>(".boxbar [data-act=zoom]");
  return {
    s: () => (sqlOpen.value = !sqlOpen.value),
    x: () => set({ view: s.view === "samples" ? "time" : "samples" }),
    l: () => set({ live: !s.live }),
    "?": () => (helpOpen.value = !helpOpen.value),
    ...(s.box && { d: () => set({ differs: !s.differs }) }),
    ...(box && { z: () => box.click() }),
    ...Object.fromEntries(byNumber.map((view, i) => [String(i + 1), () => set({ view })])),
  };
}

function escape(s: State) {
  if (menu.value) return closeMenu();
  if (helpOpen.value) return void (helpOpen.value = false);
  if (s.box) set({ box: "", differs: false });
  else if (!s.sql) sqlOpen.value = false;
}
