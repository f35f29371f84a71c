// hyparquet-writer with the types that it guesses: Dates become timestamps in UTC, arrays JSON. Days are Dates at local midnight,
// as `new Date(2026, 9, 1)` makes them; make.sh sets the time zone of a site in India.
import { parquetWriteFile } from 'hyparquet-writer'
import { DAYS, TABLES, columns, file } from './rows.mjs'

const localMidnight = day => {
  if (day === null) return null
  const [year, month, date] = day.split('-').map(Number)
  return new Date(year, month - 1, date)
}

for (const table of TABLES) {
  const columnData = Object.entries(columns(table)).map(([name, data]) => ({
    name,
    data: DAYS.has(name) ? data.map(localMidnight) : data,
    // What holds no value at all must be told its type.
    ...(data.every(value => value === null) ? { type: 'STRING' } : {}),
  }))
  parquetWriteFile({ filename: file(process.argv[2], 'hyparquet', table, 'export.parquet'), columnData })
}
