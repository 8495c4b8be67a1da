import * as api from "../api/client";
import { useQuestion, useTick } from "../ask";
import { bytesText, numberText } from "../model/number";
import { FaultBox } from "./frame";

const refreshMs = 2000;

/** Cluster lists the members, their rows and memory. */
export function Cluster() {
  const tick = useTick(refreshMs);
  const { answer, fault } = useQuestion((signal) => api.cluster(signal), [], tick);
  return (
    <>
      <h1>Cluster</h1>
      <FaultBox fault={fault} />
      {answer && (
        <div class="scroll"><table class="grid">
          <thead><tr><th>member</th><th>role</th><th>state</th><th>address</th><th>version</th><th class="n">rows</th><th>memory</th><th class="n">damaged blocks</th></tr></thead>
          <tbody>{answer.members.map((m) => (
            <tr key={m.name + m.role}>
              <th scope="row">{m.name}</th><td>{m.role}</td><td class={m.state === "up" ? "good" : "warn"}>{m.state}</td><td>{m.address}</td><td>{m.version}</td>
              <td class="n">{m.role === "leaf" ? numberText(m.rows) : "–"}</td>
              <td>{m.memory_budget > 0 ? <><progress max={m.memory_budget} value={m.memory_used} aria-label={`memory of ${m.name}`} /> {bytesText(m.memory_used)} of {bytesText(m.memory_budget)}</> : "–"}</td>
              <td class={m.damaged_blocks > 0 ? "n warn" : "n"}>{m.damaged_blocks}</td>
            </tr>
          ))}</tbody>
        </table></div>
      )}
    </>
  );
}
