import * as api from "../api/client";
import { useQuestion, useTick } from "../ask";
import { bytesText, numberText, shortNumber } from "../model/number";
import { agoText, localZone, timeText } from "../model/time";
import { link, tableAddress } from "../nav";
import { FaultBox } from "./frame";

const refreshMs = 1000;

/** Tables lists what there is, with how fresh it is. */
export function Tables() {
  const tick = useTick(refreshMs);
  const { answer, fault } = useQuestion((signal) => api.tables(signal), [], tick);
  if (!answer) return <FaultBox fault={fault} />;
  if (answer.tables.length === 0) return <><FaultBox fault={fault} /><Empty /></>;
  const now = Date.now();
  return (
    <>
      <h1>Tables</h1>
      <FaultBox fault={fault} />
      <div class="scroll">
        <table class="grid">
          <thead>
            <tr><th>table</th><th class="n">rows</th><th class="n">rows/s</th><th class="n">newest row</th><th>holds since</th><th class="n">in memory</th></tr>
          </thead>
          <tbody>
            {answer.tables.map((t) => (
              <tr key={t.table}>
                <th scope="row"><a href={tableAddress(t.table)} onClick={link}>{t.table}</a></th>
                <td class="n">{numberText(t.rows)}</td>
                <td class="n">{t.rows_per_s >= 0.05 ? shortNumber(t.rows_per_s) : "–"}</td>
                <td class="n" title={t.newest ?? undefined}>{t.newest ? agoText(t.newest, now) + " ago" : "–"}</td>
                <td>{t.from ? timeText(t.from, localZone(), "minute") : "–"}{" "}
                  <span class="dim">{t.horizon ? `all since ${timeText(t.horizon, localZone(), "minute")}` : t.from ? "nothing dropped" : ""}</span></td>
                <td class="n">{bytesText(t.bytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Empty() {
  return (
    <div class="empty">
      <h1>No rows yet</h1>
      <p>A table is born with its first row:</p>
      <pre>{`echo '{"path":"/pay","ms":31}' | curl -sd @- ${location.origin}/v1/ingest/mine`}</pre>
      <p>A made-up shop with an outage to find:</p>
      <pre>kelp demo --server {location.origin}</pre>
      <p>A file, as it grows:</p>
      <pre>kelp ingest --server {location.origin} --follow app app.log</pre>
      <p class="dim">This page turns into the list of tables with the first row.</p>
    </div>
  );
}
