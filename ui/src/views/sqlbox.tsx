// The SQL of what is on screen, to read, to change and to copy.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Fault } from "../api/client";
import type { TableColumn } from "../api/types";
import { parseSQL } from "../model/parse";
import { toAddress, type State } from "../model/state";
import { go, set } from "../nav";
import { FaultBox } from "./frame";

/** run puts SQL into the knobs where they can say it, else into the address as it is. */
export function run(s: State, sql: string) {
  const parsed = parseSQL(sql, s);
  go(toAddress(parsed ?? { ...s, sql: sql.trim(), box: "", differs: false }));
}

export function SqlBox({ s, sql, columns, fault }: { s: State; sql: string; columns: TableColumn[]; fault: Fault | null }) {
  const at = useRef<HTMLDivElement>(null);
  const editor = useRef<{ text: () => string; put: (sql: string) => void; close: () => void } | null>(null);
  const [text, setText] = useState(sql);
  const now = useRef({ s, columns });
  now.current = { s, columns };
  useEffect(() => {
    let gone = false;
    void import("../editor").then(({ open }) => {
      if (gone) return;
      editor.current = open(at.current!, sql, {
        run: (edited) => run(now.current.s, edited), changed: setText, columns: () => now.current.columns.map((c) => c.name), table: s.table,
      });
    });
    return () => {
      gone = true;
      editor.current?.close();
    };
  }, []);
  useEffect(() => {
    setText(sql);
    editor.current?.put(sql);
  }, [sql]);
  const curl = `curl -s ${location.origin}/v1/query -d ${"'" + sql.replaceAll("'", `'\\''`) + "'"}`;
  return (
    <section class="sqlbox" aria-label="SQL">
      <div ref={at} class="editor" />
      <div class="row">
        <button class="primary" disabled={text.trim() === sql} onClick={() => run(s, text)}>Run</button>
        <kbd>Ctrl Enter</kbd>
        <button onClick={() => void navigator.clipboard?.writeText(sql)}>Copy SQL</button>
        <button onClick={() => void navigator.clipboard?.writeText(curl)}>Copy as curl</button>
        {s.sql && <><span class="dim">the knobs cannot say all of this</span><button onClick={() => set({ sql: "" })}>Back to the knobs</button></>}
      </div>
      <FaultBox fault={fault} sql={sql} />
    </section>
  );
}
