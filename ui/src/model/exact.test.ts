import { expect, test } from "vitest";
import { Exact, parseExact, printExact } from "./exact";
import { condition } from "./filter";
import { numberText, valueText } from "./number";
import { conditionOf } from "./search";
import { idOf, numberOf } from "./series";

const id = "1234567890123456789";

test("integers beyond 2^53 stay as they were written, and all else is what JSON says", () => {
  const text = `{"rows": [[${id}, -${id}, 9007199254740991, 9007199254740993, 12345678901234567.5, 1e300, "${id}", "a\\"${id}, ${id}", null]]}`;
  const [row] = parseExact(text).rows;
  expect(row).toEqual([new Exact(id), new Exact("-" + id), 9007199254740991, new Exact("9007199254740993"), 12345678901234567.5, 1e300, id, `a"${id}, ${id}`, null]);
  for (const plain of ['{"a": [1, -2.5e3, "x\\\\", true]}', `"${id}"`, "[]", `["\\u0000${id}"]`]) expect(parseExact(plain)).toEqual(JSON.parse(plain));
  expect(() => parseExact(`[${id}`)).toThrow();
});

test("they are shown, compared with and copied digit for digit", () => {
  const v = new Exact(id);
  expect([valueText(v), numberText(v), printExact(v), String(v), numberOf(v)]).toEqual([id, "1,234,567,890,123,456,789", id, id, Number(id)]);
  expect(condition("id", v, true)).toBe(`id = ${id}`);
  expect(idOf([v, "a"])).toBe(`[${id},"a"]`);
  expect(idOf([v])).not.toBe(idOf([id]));
  expect(conditionOf(`id:${id}`, [])).toBe(`id = ${id}`);
  expect(conditionOf(`-id:-${id}`, [])).toBe(`id != -${id}`);
  expect(conditionOf("status:00200", [])).toBe("status = 200");
});
