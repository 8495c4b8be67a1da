// Two answers that stand in one picture, as its badge speaks of them.

import type { Answer, Completeness, Missing } from "../api/types";

/** together is the first answer with what is wrong with either. */
export function together(a: Answer | null, b: Answer | null): Answer | null {
  if (!a || !b) return a;
  return {
    ...a, completeness: worse(a.completeness, b.completeness), truncated: a.truncated ?? b.truncated,
    compare: a.compare && b.compare ? { ...a.compare, completeness: worse(a.compare.completeness, b.compare.completeness) } : a.compare,
    approximate: union(a.approximate, b.approximate), warnings: union(a.warnings, b.warnings),
  };
}

const union = (a: string[], b: string[]) => [...new Set([...a, ...b])];

function worse(a: Completeness, b: Completeness): Completeness {
  const less = b.ratio < a.ratio ? b : a;
  const missing = new Map<string, Missing>([...a.leaves.missing, ...b.leaves.missing].map((m) => [m.leaf, m]));
  const answered = Math.min(a.leaves.answered, b.leaves.answered);
  return { ...less, exact: a.exact && b.exact, leaves: { ...less.leaves, answered, missing: [...missing.values()] } };
}
