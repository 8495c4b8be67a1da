// The explore page: knobs at the left, the picture of them at the right.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import * as api from "../api/client";
import type { Answer, TableDetail } from "../api/types";
import { useQuestion, useTick, type Asked } from "../ask";
import { onKey } from "../keys";
import { shapeColumn } from "../model/columns";
import { parseSQL } from "../model/parse";
import { seriesSQL, totalsSQL, printSQL } from "../model/sql";
import { isLive, toAddress, type State } from "../model/state";
import { together } from "../model/together";
import { durationMs, relative } from "../model/time";
import { go, set } from "../nav";
import { Badge } from "./badge";
import { Dist } from "./dist";
import { FaultBox } from "./frame";
import { Heat } from "./heat";
import { Help } from "./help";
import { Knobs } from "./knobs";
import { Menu } from "./menu";
import { Samples } from "./samples";
import { SqlBox } from "./sqlbox";
import { TimeView } from "./timeview";
import { Top } from "./top";
import { Totals } from "./totals";

/** sqlOpen: the SQL of what is on screen is shown. */
export const sqlOpen = signal(false);

/** refreshMs is how often a live picture is asked anew: about once a pixel, and not more than once a second. */
function refreshMs(s: State): number {
  if (!isLive(s)) return 0;
  const last = relative(s.from);
  return Math.min(30_000, Math.max(2000, (last ? durationMs(last) : 3_600_000) / 1000));
}

const columnsEveryMs = 15_000;

export function Explore({ s: given }: { s: State }) {
  const about = useQuestion((signal) => api.table(given.table, signal), [given.table], useTick(columnsEveryMs));
  const columns = about.answer?.columns ?? [];
  const needsValue = (given.view === "heat" || given.view === "dist") && !given.value && !given.sql;
  const s = needsValue ? { ...given, value: shapeColumn(given, columns) } : given;
  const ready = !needsValue || s.value !== "";
  const tick = useTick(refreshMs(s));
  const sql = s.view === "time" && !s.sql ? seriesSQL(s) : printSQL(s);
  const shape = JSON.stringify([s.view, s.by, s.show, s.table, s.compare !== "", s.value, s.sql]);
  const main = useQuestion<Answer>(ready ? (signal, partial) => api.query(sql, s.tz, signal, partial) : null, [sql, s.tz, ready], tick, shape);
  const withTotals = s.view === "time" && !s.sql;
  const totals = useQuestion<Answer>(withTotals ? (signal) => api.query(totalsSQL(s), s.tz, signal) : null, [withTotals, totalsSQL(s), s.tz], tick, shape);
  useEffect(() => {
    // SQL of a link goes into the knobs where they can say it.
    const known = given.sql ? parseSQL(given.sql, given) : null;
    if (known || !new URLSearchParams(location.search).has("tz")) go(toAddress(known ?? given), true);
  }, [given]);
  useEffect(() => onKey(s), [s]);
  const shown = sqlOpen.value || s.sql !== "";
  return (
    <>
      <Top s={s} columns={columns} answered={main.answer?.range ?? null} />
      <div class="explore">
        <Knobs s={s} table={about.answer} fault={about.fault} />
        <main class="stage" aria-busy={main.busy}>
          <Badge asked={withTotals ? { ...main, answer: together(main.answer, totals.answer) } : main} s={s} />
          {shown && <SqlBox s={s} sql={sql} columns={columns} fault={main.fault} />}
          {!shown && <FaultBox fault={main.fault} sql={sql} />}
          {withTotals && totals.fault?.message !== main.fault?.message && <FaultBox fault={totals.fault} sql={totalsSQL(s)} />}
          {!ready && about.answer && <p class="empty">No column holds numbers, of which this view could show how they are spread.</p>}
          <Picture s={s} main={main} totals={totals} about={about.answer} />
        </main>
      </div>
      <Menu />
      <Help />
    </>
  );
}

function Picture({ s, main, totals, about }: { s: State; main: Asked<Answer>; totals: Asked<Answer>; about: TableDetail | null }) {
  const a = main.answer;
  if (!a) return main.busy ? <div class="waiting" /> : null;
  if (s.sql) return <Totals s={s} answer={a} keys={0} plain />;
  if (a.rows.length === 0) return <Nothing s={s} answer={a} />;
  switch (s.view) {
    case "time":
      return <TimeView s={s} answer={a} totals={totals.answer} />;
    case "table":
      return <Totals s={s} answer={a} keys={s.by.length} />;
    case "heat":
      return <Heat s={s} answer={a} />;
    case "dist":
      return <Dist s={s} answer={a} />;
    case "samples":
      return <Samples key={printSQL(s)} s={s} answer={a} columns={about?.columns ?? []} />;
  }
}

/** Nothing says why there is nothing to see, and what may help. */
function Nothing({ s, answer }: { s: State; answer: Answer }) {
  return (
    <div class="empty">
      <p>{answer.stats.rows_scanned > 0 ? "No row of this time passes the filters." : "There are no rows in this time."}</p>
      {s.where.length > 0 && <button onClick={() => set({ where: s.where.slice(0, -1) })}>Take the last filter off</button>}{" "}
      {s.from && <button onClick={() => set({ from: "", to: "" })}>Look at all there is</button>}
    </div>
  );
}
