// Colours of series: steady by name, and told apart by the colour-blind. Each has a
// shade for light and one for dark pages, with a contrast of 3 to 1 at least.

export const light = ["#0068a8", "#c2500a", "#007a5a", "#b0408a", "#7a6400", "#4b3fb0", "#0d8aa8", "#8c2140", "#4f7d12", "#8a5a44"];
export const dark = ["#5ab2f2", "#f08c3a", "#2fc79d", "#ec86c4", "#e3d04a", "#9d93ff", "#5fd7e8", "#ff7d94", "#a3d65c", "#d3a48c"];

export const otherLight = "#74797f";
export const otherDark = "#8d949c";

/** hash is FNV-1a over UTF-16 units. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h ^= h >>> 15;
  return Math.imul(h, 0x2c1b3c6d) >>> 0;
}

/**
 * slots gives each key a colour's index. A key prefers the same colour everywhere; of
 * two that want one the first by name has it, so that the same keys look alike in
 * every browser. Beyond ten, colours come again with a dash, from 10 on.
 */
export function slots(keys: string[]): Map<string, number> {
  const out = new Map<string, number>();
  const taken = new Set<number>();
  for (const key of [...keys].sort()) {
    const round = Math.floor(taken.size / light.length) * light.length;
    let slot = hash(key) % light.length;
    while (taken.has(round + slot)) slot = (slot + 1) % light.length;
    taken.add(round + slot);
    out.set(key, round + slot);
  }
  return out;
}
