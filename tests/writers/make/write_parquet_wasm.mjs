// parquet-wasm: tables of Apache Arrow's JavaScript library, by way of its IPC stream.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Bool, DateDay, Float64, List, Field, Table, TimestampMillisecond, Utf8, tableToIPC, vectorFromArray } from 'apache-arrow'
import { DAYS, TABLES, TIMES, columns, file } from './rows.mjs'

const wasm = createRequire(import.meta.url)('parquet-wasm')
const TYPES = { active: new Bool(), progress_percent: new Float64(), mentors: new List(new Field('item', new Utf8(), true)) }

function vector(name, values) {
  if (TIMES.has(name)) return vectorFromArray(values, new TimestampMillisecond())
  if (DAYS.has(name)) return vectorFromArray(values.map(value => value && new Date(value)), new DateDay())
  return vectorFromArray(values, TYPES[name] ?? new Utf8())
}

for (const table of TABLES) {
  const rows = new Table(Object.fromEntries(Object.entries(columns(table)).map(([name, values]) => [name, vector(name, values)])))
  const bytes = wasm.writeParquet(wasm.Table.fromIPCStream(tableToIPC(rows, 'stream')))
  writeFileSync(file(process.argv[2], 'parquet-wasm', table, 'data.parquet'), bytes)
}
