// DuckDB, in memory or, with a path, in its file.

import duckdb from '@duckdb/node-api'
import { serve, timed } from './protocol.mjs'

// The narrowest types that hold the workload; low-cardinality text stays
// VARCHAR, which is what DuckDB compresses by itself.
const columns = {
  time: 'BIGINT', service: 'VARCHAR', endpoint: 'VARCHAR', method: 'VARCHAR', status: 'SMALLINT', region: 'VARCHAR',
  host: 'VARCHAR', country: 'VARCHAR', user_id: 'VARCHAR', trace_id: 'VARCHAR', duration_ms: 'DOUBLE', bytes: 'BIGINT',
  error: 'VARCHAR', tags: 'VARCHAR[]', sample_rate: 'INTEGER', message: 'VARCHAR',
}
const types = Object.entries(columns).map(([name, type]) => `${name}: '${type}'`).join(', ')

let instance, connection, inFile

const rows = async (sql) => (await connection.runAndReadAll(sql)).getRowsJS()
const quoted = (text) => `'${text.replaceAll("'", "''")}'`

const fromNDJSON = (file) => `SELECT make_timestamp_ms(time) AS time, * EXCLUDE (time)
  FROM read_json(${quoted(file)}, format = 'newline_delimited', columns = {${types}})`

async function bytesInMemory() {
  const [[bytes]] = await rows(`SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()`)
  return Number(bytes)
}

await serve({
  version: `DuckDB ${duckdb.version()}`,

  async open({ path, threads }) {
    inFile = Boolean(path)
    instance = await duckdb.DuckDBInstance.create(path || ':memory:', { threads: String(threads) })
    connection = await instance.connect()
    // Row groups in the order they are parsed: the documented way to load faster.
    await connection.run('SET preserve_insertion_order = false')
  },

  async load({ file }) {
    const from = file.endsWith('.parquet') ? `SELECT * FROM read_parquet(${quoted(file)})` : fromNDJSON(file)
    const { ms } = await timed(() => connection.run(`CREATE TABLE events AS ${from}`))
    return { ms }
  },

  async prepare({ file, to }) {
    await connection.run(`COPY (${fromNDJSON(file)}) TO ${quoted(to)} (FORMAT parquet)`)
  },

  // In memory CHECKPOINT would compress, and make questions slower: see compress.
  async settle() {
    if (inFile) await connection.run('CHECKPOINT')
  },

  async ask({ sql }) {
    const { ms, value } = await timed(() => connection.runAndReadAll(sql))
    return { ms, rows: value.getRowsJS() }
  },

  async sizes() {
    if (!inFile) return { bytes: await bytesInMemory() }
    const [[bytes]] = await rows(`SELECT ((total_blocks - free_blocks) * block_size)::BIGINT FROM pragma_database_size()`)
    return { bytes: Number(bytes) }
  },

  async compress() {
    if (inFile) return { bytes: 0 }
    await connection.run('CHECKPOINT')
    return { bytes: await bytesInMemory() }
  },

  async close() {
    connection?.closeSync()
    instance?.closeSync()
  },
})
