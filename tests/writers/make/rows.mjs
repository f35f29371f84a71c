// The rows that every writer writes, read from rows.json: times as Date, days as texts, mentors as arrays.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const DAY = '2026-11-22'
export const TABLES = ['users', 'enrolments', 'course_progress', 'batches', 'download_events']
export const TIMES = new Set(['enrolled_at', 'completed_at', 'event_time'])
export const DAYS = new Set(['start_date', 'end_date'])

const all = JSON.parse(readFileSync(new URL('rows.json', import.meta.url), 'utf8'))

export function rows(table) {
  return all[table].map(row => Object.fromEntries(Object.entries(row).map(
    ([name, value]) => [name, TIMES.has(name) && value !== null ? new Date(value) : value])))
}

export function columns(table) {
  const found = rows(table)
  return Object.fromEntries(Object.keys(found[0]).map(name => [name, found.map(row => row[name])]))
}

// The path of a file in OUT/WRITER/<table>/date=DAY, whose folder is made.
export function file(out, writer, table, name) {
  const folder = join(out, writer, table, `date=${DAY}`)
  mkdirSync(folder, { recursive: true })
  return join(folder, name)
}
