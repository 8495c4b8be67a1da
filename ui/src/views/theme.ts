// Colours of what is drawn on a canvas; everything else has them from styles/base.css.

import { dark, light, otherDark, otherLight } from "../model/palette";
import type { Line } from "../model/series";

export const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches;

export type Ink = { text: string; dim: string; rule: string; hatch: string };

export function ink(): Ink {
  return isDark()
    ? { text: "#e6e8ea", dim: "#a0a7ae", rule: "#2a3036", hatch: "#c98a2e88" }
    : { text: "#1a1d20", dim: "#5a6169", rule: "#e8eaec", hatch: "#b4530988" };
}

/** colorOf is a line's colour on the page as it is now. */
export function colorOf(l: Pick<Line, "id" | "other">, slots: Map<string, number>): string {
  const night = isDark();
  if (l.other) return night ? otherDark : otherLight;
  const set = night ? dark : light;
  return set[(slots.get(l.id) ?? 0) % set.length];
}
