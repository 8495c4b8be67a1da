/** Spark is a line without axes, from 0 to its highest. */
export function Spark({ values, color }: { values: (number | null)[]; color: string }) {
  const high = Math.max(...values.map((v) => v ?? 0), 0) || 1;
  const step = 100 / Math.max(1, values.length - 1);
  let path = "", open = false;
  values.forEach((v, i) => {
    if (v !== null) path += `${open ? "L" : "M"}${(i * step).toFixed(1)} ${(19 - (v / high) * 18).toFixed(1)}`;
    open = v !== null;
  });
  return <svg class="spark" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true"><path d={path} stroke={color} /></svg>;
}
