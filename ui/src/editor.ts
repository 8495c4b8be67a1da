// The SQL editor, loaded when it is first opened. It lives in a shadow root, where its
// styles are objects and not text, which the page's policy would refuse.

import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { SQLDialect } from "@codemirror/lang-sql";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const keywords = "select from where group by having order limit offset and or not in is null like ilike between case when then else end cast as distinct true false last since until with other compare sample rows fill within raw timezone all explain change of has any nulls first asc desc filter";
const functions = "count count_if sum avg stddev variance median p50 p90 p95 p99 p99_9 percentile histogram topk rate hits min max first last any arg_min arg_max uniq uniq_exact time time_bucket date_trunc extract now abs ceil floor round sqrt ln log10 exp power greatest least coalesce nullif if lower upper length substr replace trim split_part concat starts_with ends_with contains regexp_extract regexp_replace bucket json_extract typeof";

const dialect = SQLDialect.define({ keywords, builtin: functions, operatorChars: "*+-%<>!=~/|", doubleQuotedStrings: false });

const colors = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--key)" }, { tag: tags.string, color: "var(--good)" },
  { tag: tags.number, color: "var(--number)" }, { tag: tags.comment, color: "var(--dim)" },
]);

const look = EditorView.theme({
  "&": { color: "var(--text)", fontSize: "13px" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": { fontFamily: "ui-monospace, monospace", caretColor: "var(--text)", padding: "8px" },
  ".cm-tooltip": { background: "var(--raised)", color: "var(--text)", border: "1px solid var(--rule)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--accent)", color: "var(--onaccent)" },
});

type Wishes = { run: (sql: string) => void; changed: (sql: string) => void; columns: () => string[]; table: string };

/** open makes an editor in an element that has none yet. */
export function open(at: HTMLElement, text: string, wishes: Wishes) {
  const root = at.shadowRoot ?? at.attachShadow({ mode: "open" });
  const names = dialect.language.data.of({
    autocomplete: (c: { matchBefore: (r: RegExp) => { from: number; to: number } | null; explicit: boolean }) => {
      const word = c.matchBefore(/[\w.]+/);
      if (!word && !c.explicit) return null;
      return {
        from: word?.from ?? 0,
        options: [
          ...wishes.columns().map((label) => ({ label, type: "property", boost: 2 })), { label: wishes.table, type: "class" },
          ...functions.split(" ").map((name) => ({ label: name, type: "function", apply: name + "(" })),
          ...keywords.split(" ").map((k) => ({ label: k.toUpperCase(), type: "keyword", boost: -1 })),
        ],
      };
    },
  });
  const submit = (v: EditorView) => {
    wishes.run(v.state.doc.toString());
    return true;
  };
  const view = new EditorView({
    parent: root, root,
    state: EditorState.create({
      doc: text,
      extensions: [
        keymap.of([{ key: "Mod-Enter", run: submit }, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        history(), dialect.language, names, autocompletion(), syntaxHighlighting(colors), look, EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "SQL" }),
        EditorView.updateListener.of((u) => u.docChanged && wishes.changed(u.state.doc.toString())),
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    put: (sqlText: string) => view.state.doc.toString() === sqlText || view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: sqlText } }),
    close: () => view.destroy(),
  };
}
