import { afterEach, expect, test, vi } from "vitest";
import { Exact } from "../model/exact";
import { Fault, query, tables } from "./client";

// Node has no tab whose token could be kept.
vi.hoisted(() => vi.stubGlobal("sessionStorage", { getItem: () => null }));

afterEach(() => vi.unstubAllGlobals());

/** server answers with these pieces of a body, and then breaks off, or ends. */
function server(pieces: string[], breaks: boolean) {
  const body = new ReadableStream<Uint8Array>({
    pull(c) {
      const piece = pieces.shift();
      if (piece !== undefined) c.enqueue(new TextEncoder().encode(piece));
      else if (breaks) c.error(new TypeError("network error"));
      else c.close();
    },
  });
  vi.stubGlobal("fetch", async () => new Response(body));
}

const stream = 'event: partial\ndata: {"rows": [[1]]}\n\nevent: fin';
const ask = (signal = new AbortController().signal) => query("SELECT 1", "UTC", signal, () => undefined);

test("an answer that breaks off is a server that does not answer, and is asked for again", async () => {
  for (const breaks of [true, false]) {
    server([stream], breaks);
    await expect(ask()).rejects.toMatchObject({ code: "unreachable" });
  }
  server(['{"tables": ['], true);
  await expect(tables()).rejects.toBeInstanceOf(Fault);
});

test("one that was given up is no fault", async () => {
  const stop = new AbortController();
  server([stream], true);
  stop.abort();
  await expect(ask(stop.signal)).rejects.not.toBeInstanceOf(Fault);
});

test("an answer in pieces is whole, to the last digit", async () => {
  server(["event: final\nda", 'ta: {"rows": [[12345678901', "23456789]]}\n\n"], false);
  expect((await ask()).rows).toEqual([[new Exact("1234567890123456789")]]);
});
