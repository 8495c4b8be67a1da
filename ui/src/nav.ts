// The address bar is the page's memory: a knob writes it, Back and Forward read it.

import { computed, signal } from "@preact/signals";
import { fromAddress, initial, toAddress, type State } from "./model/state";
import { localZone } from "./model/time";

const place = signal({ path: location.pathname, search: location.search });

addEventListener("popstate", () => (place.value = { path: location.pathname, search: location.search }));

/** address is all of it. */
export const address = computed(() => place.value.path + place.value.search);

/** path is where the page is: / or /x/TABLE or /queries or /cluster. */
export const path = computed(() => place.value.path);

/** state is what the explore page shows; null elsewhere. */
export const state = computed<State | null>(() => {
  const s = fromAddress(place.value.path, place.value.search);
  return s && !s.tz ? { ...s, tz: localZone() } : s;
});

/** go moves to an address; a page of its own in the history unless it replaces this one. */
export function go(address: string, replace = false) {
  if (address === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  place.value = { path: location.pathname, search: location.search };
}

/** set changes knobs. A knob that is turned takes SQL written by hand away. */
export function set(change: Partial<State>, replace = false) {
  const s = state.value;
  if (s) go(toAddress({ ...s, sql: "", ...change }), replace);
}

/** tableAddress is the page of a table as it opens first. */
export const tableAddress = (table: string) => toAddress({ ...initial(table), tz: localZone() });

/** link makes a click on a link a move within the page, other clicks stay the browser's. */
export function link(e: MouseEvent) {
  const a = e.currentTarget as HTMLAnchorElement;
  if (e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
  e.preventDefault();
  go(a.pathname + a.search);
}
