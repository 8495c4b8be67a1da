// Calls of kelp's public API. A call that fails throws a Fault; one whose signal is
// aborted closes its connection, which ends its work on every leaf.

import { parseExact } from "../model/exact";
import { refused, token } from "./token";
import type { Answer, Completeness, Differs, Marker, Member, Running, TableDetail, TableLine, Value } from "./types";

export class Fault extends Error {
  constructor(
    readonly code: string, message: string, readonly hint = "",
    readonly position: { line: number; column: number } | null = null,
  ) {
    super(message);
  }
}

type Problem = { error?: { code: string; message: string; hint?: string; position?: { line: number; column: number } } };

function faultOf(status: number, problem: Problem | null): Fault {
  const e = problem?.error;
  return e ? new Fault(e.code, e.message, e.hint, e.position ?? null) : new Fault("unavailable", `kelp answered with HTTP ${status}`);
}

/** unreachable is the fault of a server that does not answer. */
const unreachable = () => new Fault("unreachable", "kelp does not answer", "is the server running? The page asks again by itself.");

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  if (token.value) init = { ...init, headers: { ...init.headers, Authorization: "Bearer " + token.value } };
  try {
    response = await fetch(path, init);
  } catch (e) {
    if (init.signal?.aborted) throw e;
    throw unreachable();
  }
  if (response.ok) return response;
  const fault = faultOf(response.status, await response.json().catch(() => null));
  // Also a token that may not even read; a change that is refused is for whoever asked for it.
  if (response.status === 401 || (response.status === 403 && token.value && !init.method)) refused.value = fault.message;
  throw fault;
}

async function call<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await send(path, init);
  return parseExact(await arriving(response.text(), init.signal));
}

/** arriving is a part of a body. A server that goes away halfway does not answer, no more than one that is not there. */
async function arriving<T>(part: Promise<T>, signal?: AbortSignal | null): Promise<T> {
  try {
    return await part;
  } catch (e) {
    if (signal?.aborted) throw e;
    throw unreachable();
  }
}

const json = (body: unknown, signal?: AbortSignal): RequestInit => ({
  method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal,
});

export const tables = (signal?: AbortSignal) => call<{ tables: TableLine[] }>("/v1/tables", { signal });
export const table = (name: string, signal?: AbortSignal) => call<TableDetail>("/v1/tables/" + encodeURIComponent(name), { signal });
export const values = (name: string, column: string, prefix: string, signal?: AbortSignal) =>
  call<{ values: { value: Value; count: number }[]; completeness: Completeness }>(
    `/v1/tables/${encodeURIComponent(name)}/values?` + new URLSearchParams({ column, ...(prefix && { prefix }) }), { signal });
export const differs = (ask: { table: string; selection: string; rest: string; from?: string; to?: string }, signal?: AbortSignal) =>
  call<Differs>("/v1/differs", json(ask, signal));
export const markers = (signal?: AbortSignal) => call<{ markers: Marker[] }>("/v1/markers", { signal });
export const addMarker = (marker: Omit<Marker, "id">) => call<Marker>("/v1/markers", json(marker));
export const cluster = (signal?: AbortSignal) => call<{ members: Member[] }>("/v1/cluster", { signal });
export const queries = (signal?: AbortSignal) => call<{ queries: Running[] }>("/v1/queries", { signal });
export const cancelQuery = (id: string) => call<unknown>("/v1/queries/" + encodeURIComponent(id), { method: "DELETE" });

/** query asks, and hands each answer that the leaves refine to partial, before the last is returned. */
export async function query(sql: string, tz: string, signal: AbortSignal, partial?: (a: Answer) => void): Promise<Answer> {
  const init = json({ sql, tz: tz || "UTC" }, signal);
  if (!partial) return call<Answer>("/v1/query", init);
  init.headers = { ...init.headers, Accept: "text/event-stream" };
  const response = await send("/v1/query", init);
  for await (const event of events(response, signal)) {
    if (event.name === "final") return parseExact(event.data);
    if (event.name === "error") throw faultOf(response.status, JSON.parse(event.data));
    if (event.name === "partial") partial(parseExact(event.data));
  }
  throw unreachable();
}

/** events reads server-sent events. */
export async function* events(response: Response, signal?: AbortSignal): AsyncGenerator<{ name: string; data: string }> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await arriving(reader.read(), signal);
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop()!;
    for (const part of parts) {
      const lines = part.split("\n");
      const field = (name: string) => lines.filter((l) => l.startsWith(name + ":")).map((l) => l.slice(name.length + 1).trimStart()).join("\n");
      yield { name: field("event"), data: field("data") };
    }
  }
}
