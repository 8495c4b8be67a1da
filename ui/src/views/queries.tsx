import { signal } from "@preact/signals";
import * as api from "../api/client";
import { useQuestion, useTick } from "../ask";
import { bytesText, numberText, percentText } from "../model/number";
import { localZone, timeText } from "../model/time";
import { FaultBox } from "./frame";

const refreshMs = 1000;

const recentSQL =
  "FROM _kelp.queries LAST 1h SELECT time, outcome, elapsed_ms, completeness, rows_scanned, bytes_scanned, coalesce(user, remote) AS who, sql, error LIMIT 100";

const cancelled = signal("");

async function cancel(id: string) {
  cancelled.value = await api.cancelQuery(id).then(() => "cancelled " + id, (e) => e.message);
}

/** Queries says who asks what, and at what cost. */
export function Queries() {
  const tick = useTick(refreshMs);
  const now = useQuestion((signal) => api.queries(signal), [], tick);
  const past = useQuestion((signal) => api.query(recentSQL, "UTC", signal), [], Math.floor(tick / 3));
  const running = now.answer?.queries ?? [];
  return (
    <>
      <h1>Running</h1>
      <FaultBox fault={now.fault} />
      <p class="dim" role="status">{cancelled.value || (running.length === 0 ? "nothing is running" : "")}</p>
      {running.length > 0 && (
        <div class="scroll"><table class="grid">
          <thead><tr><th>asked by</th><th class="n">for</th><th class="n">leaves</th><th class="n">blocks</th><th class="n">rows read</th><th>query</th><th></th></tr></thead>
          <tbody>{running.map((q) => (
            <tr key={q.id}>
              <td>{q.user || q.remote || "kelp"}</td><td class="n">{numberText(Math.round(q.elapsed_ms))} ms</td>
              <td class="n">{q.progress.leaves_answered}/{q.progress.leaves}</td><td class="n">{q.progress.blocks_done}/{q.progress.blocks}</td>
              <td class="n">{numberText(q.cost.rows_scanned)}</td><td class="code">{q.sql}</td>
              <td><button onClick={() => cancel(q.id)}>Cancel</button></td>
            </tr>
          ))}</tbody>
        </table></div>
      )}
      <h1>Asked in the last hour</h1>
      {past.fault?.code === "unknown_table" ? <p class="dim">nothing yet</p> : <FaultBox fault={past.fault} sql={recentSQL} />}
      {past.answer && (
        <div class="scroll"><table class="grid">
          <thead><tr><th>ended</th><th>outcome</th><th class="n">took</th><th class="n">complete</th><th class="n">rows read</th><th class="n">bytes read</th><th>asked by</th><th>query</th></tr></thead>
          <tbody>{past.answer.rows.map(([at, outcome, ms, ratio, rows, bytes, who, sql, error], i) => (
            <tr key={i}>
              <td>{timeText(String(at), localZone())}</td>
              <td class={outcome === "complete" ? "good" : "warn"} title={error ? String(error) : undefined}>{String(outcome)}</td>
              <td class="n">{numberText(Number(ms))} ms</td><td class="n">{ratio === null ? "–" : percentText(Number(ratio))}</td>
              <td class="n">{numberText(Number(rows))}</td><td class="n">{bytesText(Number(bytes))}</td><td>{String(who ?? "")}</td><td class="code">{String(sql)}</td>
            </tr>
          ))}</tbody>
        </table></div>
      )}
    </>
  );
}
