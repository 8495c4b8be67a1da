// The search line: what is typed there becomes a condition.

import type { TableColumn } from "../api/types";
import { literalOf, parsePill, printPill } from "./filter";
import { quoteName, quoteText } from "./lex";

/** texts are the columns that a bare word is looked for in. */
export function texts(columns: TableColumn[]): string[] {
  const strings = columns.filter((c) => c.types.string > 0.5);
  const usual = strings.filter((c) => /(^|\.)(message|msg|error|log|text|body|exception)$/i.test(c.name));
  return (usual.length ? usual : strings).map((c) => c.name);
}

const isNumber = (text: string) => /^-?\d+(\.\d+)?$/.test(text);

/**
 * conditionOf reads service:api, -service:api, status:>=500, "time out" or a bare word,
 * and conditions of SQL as they are.
 */
export function conditionOf(typed: string, columns: TableColumn[]): string {
  const text = typed.trim();
  const short = /^([-!]?)([A-Za-z_@][\w.@-]*):(>=|<=|>|<|!=|=|~)?(.+)$/s.exec(text);
  if (short && !text.includes("::")) {
    const [, not, column, sign = "=", raw] = short;
    const value = unquote(raw);
    const known = columns.find((c) => c.name === column);
    const numeric = isNumber(value) && (!known || (known.types.string ?? 0) < 0.5);
    const pill = { column, op: not && sign === "=" ? "!=" : sign, values: [numeric ? { text: value.replace(/^(-?)0+(?=\d)/, "$1"), kind: "number" as const } : literalOf(value)] };
    return not && sign !== "=" ? `NOT (${printPill(pill)})` : printPill(pill);
  }
  const bare = /^"[^"]*"$/.test(text) || /^[\w.@/-]+$/.test(text);
  if (!bare || parsePill(text)) return text;
  const pattern = quoteText("%" + unquote(text).replace(/[\\%_]/g, "\\$&") + "%");
  const where = texts(columns).map((c) => `${quoteName(c)} ILIKE ${pattern}`);
  return where.length > 0 ? where.join(" OR ") : text;
}

const unquote = (text: string) => text.replace(/^(["'])(.*)\1$/s, "$2");
