// What every peer speaks with the benchmark: one JSON object a line. Standard
// input asks, standard output answers in the same order, standard error is for
// people. A peer is an object of functions, named after the operations:
//
//   {"op":"open","path":"...","threads":2}  opens a database, made if it is not there
//   {"op":"load","file":"..."}              fills the table `events` from NDJSON, or from Parquet where there is prepare
//   {"op":"prepare","file":"...","to":"..."}  writes Parquet from NDJSON; of DuckDB alone
//   {"op":"settle"}                         ends background work, as its users would before measuring
//   {"op":"ask","sql":"..."}                → {"ms":1.5,"rows":[[...],...]}
//   {"op":"sizes"}                          → {"bytes":0,"columns":{"name":0}}, what the table takes by the engine's own count
//   {"op":"compress"}                       → {"bytes":0}, where an engine keeps an uncompressed copy unless told otherwise
//   {"op":"close"}                          closes cleanly; the process ends
//
// Milliseconds are measured here, around the engine's call: what the pipe and
// the text of the answer take is not counted against a peer.

import { createInterface } from 'node:readline'

// Without a name for it, a 64-bit integer would lose digits as a JSON number.
const exact = (_, value) => (typeof value === 'bigint' ? value.toString() : value)

const say = (value) => process.stdout.write(JSON.stringify(value, exact) + '\n')

/** Runs a function and tells how long it took. */
export async function timed(f) {
  const begun = performance.now()
  const value = await f()
  return { ms: performance.now() - begun, value }
}

/** Serves the peer until `close` or the end of standard input. */
export async function serve(peer) {
  say({ hello: peer.version })
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    try {
      if (!Object.hasOwn(peer, request.op)) throw new Error(`unknown operation ${request.op}`)
      say((await peer[request.op](request)) ?? {})
    } catch (error) {
      say({ error: String(error?.message ?? error) })
    }
    if (request.op === 'close') break
  }
  process.exit(0)
}
