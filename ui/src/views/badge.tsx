// What stands behind the picture: how complete it is, how new, how long it took.

import { useEffect, useState } from "preact/hooks";
import type { Answer } from "../api/types";
import type { Asked } from "../ask";
import { numberText, percentText, shortNumber } from "../model/number";
import type { State } from "../model/state";
import { agoText, timeText } from "../model/time";

export function Badge({ asked, s }: { asked: Asked<Answer>; s: State }) {
  const a = asked.answer;
  if (!a) return <p class="badge" role="status">{asked.busy ? <>asking… <Slow asked={asked} /></> : ""}</p>;
  const c = a.completeness;
  const whole = c.ratio === 1 && c.exact;
  const approximate = a.approximate.filter((n) => !/_(prev|change)$/.test(n));
  const missing = c.leaves.missing.filter((m) => m.reason !== "pending");
  return (
    <div class="badges">
      <p class="badge" role="status">
        <b class={whole ? "good" : "warn"}>{whole ? "✓ " : "! "}{percentText(c.ratio)} complete</b>
        <span>{c.leaves.answered}/{c.leaves.total} leaves</span>
        <span title={`${numberText(a.stats.rows_scanned)} rows read, ${numberText(a.stats.blocks_scanned)} blocks read, ${numberText(a.stats.blocks_pruned)} skipped`}>
          {shortNumber(a.stats.rows_scanned)} rows</span>
        <span>{numberText(Number(a.stats.elapsed_ms.toPrecision(2)))} ms</span>
        {a.newest && <span title={timeText(a.newest, s.tz, "ms")}>newest row {agoText(a.newest, Date.now())} ago</span>}
        {a.horizon && <span>all rows since {timeText(a.horizon, s.tz, "minute")}</span>}
        {asked.partial && <span class="warn">others still at work</span>}
        {asked.busy && <><span class="busy" aria-hidden="true" /><Slow asked={asked} /></>}
      </p>
      {missing.length > 0 && <p class="note warn" data-missing>missing: {missing.map((m) => `${m.leaf} (${m.reason})`).join(", ")}</p>}
      {!c.exact && <p class="note warn">groups near the limit may be missing</p>}
      {a.compare && a.compare.completeness.ratio < 1 && <p class="note warn">{s.compare} earlier: {percentText(a.compare.completeness.ratio)} complete</p>}
      {a.truncated && s.view !== "samples" && <p class="note warn">cut off at {numberText(a.truncated.limit)} {a.truncated.by}</p>}
      {approximate.length > 0 && <p class="note dim">approximate: {approximate.join(", ")}</p>}
      {a.warnings.map((w) => <p class="note warn">{w}</p>)}
    </div>
  );
}

/** slowMs is when a question is slow enough to be broken off. */
const slowMs = 1500;

/** Slow offers to break a question off, once it takes its time. */
function Slow({ asked }: { asked: Asked<Answer> }) {
  const [slow, set] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => set(true), slowMs);
    return () => clearTimeout(timer);
  }, []);
  return slow ? <button onClick={asked.stop}>Cancel</button> : null;
}
