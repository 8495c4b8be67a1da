// Integers that a number of JavaScript cannot hold: ids of 64 bits. They stay text.

/** tag marks an integer between the text of an answer and its Exact; no value of an answer is an object. */
const tag = "\u0000integer";

/** Exact is an integer beyond 2^53, as it was written. */
export class Exact {
  constructor(readonly text: string) {}

  toString() {
    return this.text;
  }
}

/** JSON's texts, and its numbers whole. */
const tokens = /"(?:[^"\\]+|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

const isUnsafe = (token: string) => /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token));

/** parseExact reads JSON, its integers beyond 2^53 as Exact. Not every browser shows a reviver what was written. */
export function parseExact(text: string) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  let found = false;
  const tagged = text.replace(tokens, (token) => {
    if (!isUnsafe(token)) return token;
    found = true;
    return `{${JSON.stringify(tag)}:"${token}"}`;
  });
  if (!found) return JSON.parse(text);
  return JSON.parse(tagged, (_, v) => (v !== null && typeof v === "object" && tag in v ? new Exact(v[tag]) : v));
}

/** printExact writes a value of an answer as JSON, digit for digit. */
export const printExact = (v: unknown) => (v instanceof Exact ? v.text : JSON.stringify(v));
