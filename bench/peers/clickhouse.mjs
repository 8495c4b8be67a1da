// ClickHouse as MergeTree; the first argument is the codec, LZ4 or ZSTD(1).

import { Session, drainPending, version } from 'chdb'
import { serve, timed } from './protocol.mjs'

const codec = process.argv[2] ?? 'LZ4'

// What its documentation advises for such columns: few values as
// LowCardinality, narrow integers, deltas for a rising time.
const columns = {
  time: `DateTime64(3, 'UTC')`, service: 'LowCardinality(String)', endpoint: 'LowCardinality(String)',
  method: 'LowCardinality(String)', status: 'UInt16', region: 'LowCardinality(String)', host: 'LowCardinality(String)',
  country: 'LowCardinality(String)', user_id: 'String', trace_id: 'String', duration_ms: 'Float64', bytes: 'Int64',
  error: 'LowCardinality(Nullable(String))', tags: 'Array(LowCardinality(String))', sample_rate: 'UInt32', message: 'String',
}
const codecOf = (name) => (name === 'time' ? `CODEC(Delta, ${codec})` : `CODEC(${codec})`)
const defined = Object.entries(columns).map(([name, type]) => `${name} ${type} ${codecOf(name)}`).join(', ')
const inFile = Object.entries(columns).map(([name, type]) => `${name} ${name === 'time' ? 'Int64' : type}`).join(', ')

let session, threadsMax

const quoted = (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
const run = (sql) => session.queryAsync(sql, { format: 'JSONCompactEachRow' })
const parsed = (result) => result.text().split('\n').filter(Boolean).map((line) => JSON.parse(line))
const rows = async (sql) => parsed(await run(sql))

// Parts and merges of the table only; the system's own tables have some too.
const ours = `database = 'bench' AND table = 'events'`

const about = version()

await serve({
  version: `ClickHouse ${String(about.libchdb).replaceAll('"', '')} (chdb ${about.chdb})`,

  async open({ path, threads }) {
    threadsMax = Number(threads)
    session = new Session(path, { connectionArgs: ['--async_load_databases=0', '--async_load_system_database=0'] })
    await run('CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic')
    await run('USE bench')
    await run(`SET max_threads = ${threadsMax}`)
    // It would answer a repeated condition without reading, which no other system here does.
    await run('SET use_query_condition_cache = 0')
    // Int64 as JSON numbers would lose digits in JSON.parse.
    await run('SET output_format_json_quote_64bit_integers = 1')
  },

  async load({ file }) {
    await run(`CREATE TABLE bench.events (${defined}) ENGINE = MergeTree ORDER BY time`)
    const { ms } = await timed(() => run(
      `INSERT INTO bench.events SELECT fromUnixTimestamp64Milli(time, 'UTC') AS time, * EXCEPT (time)
       FROM file(${quoted(file)}, 'JSONEachRow', ${quoted(inFile)}) SETTINGS max_insert_threads = ${threadsMax}`))
    return { ms }
  },

  async settle() {
    await run('OPTIMIZE TABLE bench.events FINAL')
  },

  async ask({ sql }) {
    const { ms, value } = await timed(() => run(sql))
    return { ms, rows: parsed(value) }
  },

  async sizes() {
    const [[bytes]] = await rows(`SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND ${ours}`)
    const each = await rows(`SELECT name, data_compressed_bytes FROM system.columns WHERE ${ours}`)
    return { bytes: Number(bytes), columns: Object.fromEntries(each.map(([name, size]) => [name, Number(size)])) }
  },

  async compress() {
    return { bytes: 0 }
  },

  async close() {
    session?.close()
    await drainPending()
  },
})
