// Tokens of kelp's SQL: enough to find clauses, commas and operators, so that a
// query can be taken apart without knowing every function.

export type Token = {
  kind: "word" | "name" | "string" | "number" | "op";
  text: string; // as written; of a quoted name or a string what is inside
  from: number;
  to: number;
};

const rules: [Token["kind"] | "blank", RegExp][] = [
  ["blank", /\s+|--[^\n]*|\/\*[^]*?\*\//y],
  ["string", /'(?:[^']|'')*'/y],
  ["name", /"(?:[^"]|"")*"/y],
  ["number", /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[A-Za-z]*/y],
  ["word", /[A-Za-z_\u0080-\uffff][A-Za-z0-9_.\u0080-\uffff]*/y],
  ["op", /!~\*|!~|~\*|<=|>=|==|!=|<>|\|\||::|[-+*/%=<>~(),.;[\]]/y],
];

/** lex cuts text into tokens, or returns null where something is no token. */
export function lex(text: string): Token[] | null {
  const out: Token[] = [];
  let at = 0;
  next: while (at < text.length) {
    for (const [kind, rule] of rules) {
      rule.lastIndex = at;
      const found = rule.exec(text)?.[0];
      if (!found) continue;
      if (kind !== "blank") out.push({ kind, text: inside(kind, found), from: at, to: at + found.length });
      at += found.length;
      continue next;
    }
    return null;
  }
  return out;
}

/** withoutComments: what is put behind a text that ends in a comment would be part of that. */
export const withoutComments = (text: string) =>
  text.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[^]*?(?:\*\/|$)/g, (part) => (/^['"]/.test(part) ? part : " ")).trim();

function inside(kind: Token["kind"], text: string): string {
  if (kind === "string") return text.slice(1, -1).replaceAll("''", "'");
  if (kind === "name") return text.slice(1, -1).replaceAll('""', '"');
  return text;
}

const reserved = new Set(
  "SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET AND OR NOT IN IS NULL LIKE ILIKE BETWEEN CASE WHEN THEN ELSE END CAST AS DISTINCT TRUE FALSE".split(" "),
);

/** quoteName writes a column's or a table's name as SQL. */
export function quoteName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/.test(name) && !reserved.has(name.toUpperCase())
    ? name
    : '"' + name.replaceAll('"', '""') + '"';
}

/** quoteTable is quoteName for tables, whose names may hold dashes. */
export const quoteTable = quoteName;

export const quoteText = (text: string) => "'" + text.replaceAll("'", "''") + "'";

/** isWord: the token is this keyword, in any case. */
export const isWord = (t: Token | undefined, word: string) => t?.kind === "word" && t.text.toUpperCase() === word;

/** isOp: the token is this sign. */
export const isOp = (t: Token | undefined, sign: string) => t?.kind === "op" && t.text === sign;

/** depths says for each token how many parentheses it stands in; the parentheses themselves count as outside. */
export function depths(tokens: Token[]): number[] | null {
  let depth = 0;
  const out = tokens.map((t) => {
    if (isOp(t, "(") || isOp(t, "[")) return depth++;
    if (isOp(t, ")") || isOp(t, "]")) return --depth;
    return depth;
  });
  return depth === 0 && out.every((d) => d >= 0) ? out : null;
}

/** splitAt cuts tokens at those outside of parentheses for which cut is true. */
export function splitAt(tokens: Token[], cut: (t: Token) => boolean): Token[][] {
  const depth = depths(tokens);
  if (!depth) return [tokens];
  const out: Token[][] = [[]];
  tokens.forEach((t, i) => {
    if (depth[i] === 0 && cut(t)) out.push([]);
    else out[out.length - 1].push(t);
  });
  return out;
}

/** textOf is what the tokens stand for in the text they were cut from. */
export const textOf = (text: string, tokens: Token[]) =>
  tokens.length === 0 ? "" : text.slice(tokens[0].from, tokens[tokens.length - 1].to);
