// @dsnp/parquetjs and parquetjs-lite: the same schema, with bare repeated texts for mentors. parquetjs-lite writes a column index
// without the list of pages that are null, which its format requires.
import { createRequire } from 'node:module'
import { DAYS, TABLES, TIMES, file, rows } from './rows.mjs'

const require = createRequire(import.meta.url)
const TYPES = { active: { type: 'BOOLEAN' }, progress_percent: { type: 'DOUBLE' }, mentors: { type: 'UTF8', repeated: true } }

function field(name) {
  if (TIMES.has(name)) return { type: 'TIMESTAMP_MILLIS', optional: true }
  if (DAYS.has(name)) return { type: 'DATE', optional: true }
  return { ...(TYPES[name] ?? { type: 'UTF8' }), optional: name !== 'mentors' }
}

// A field that is absent is NULL.
const filled = row => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)
  .map(([name, value]) => [name, DAYS.has(name) ? new Date(value) : value]))

async function write(library, writer) {
  const { ParquetSchema, ParquetWriter } = require(library)
  for (const table of TABLES) {
    const found = rows(table)
    const schema = new ParquetSchema(Object.fromEntries(Object.keys(found[0]).map(name => [name, field(name)])))
    const made = await ParquetWriter.openFile(schema, file(process.argv[2], writer, table, `${table}.parquet`))
    for (const row of found) await made.appendRow(filled(row))
    await made.close()
  }
}

await write('@dsnp/parquetjs', 'parquetjs-dsnp')
await write('parquetjs-lite', 'parquetjs-lite')
