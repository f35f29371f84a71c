#!/usr/bin/env bash
# The last days of India's national calendar (Saka), converted by react-date-object, the library of react-multi-date-picker: in leap years
# and the years before them, the days from 16 or 17 to 20 March are one off, and 20 March before a leap year gets a year that is two too
# high. Converted back, 2027-03-20 is 2029-03-21. ICU, within Node.js, has the calendar as it is.
#
# Versions: react-date-object 2.1.9 (npm)
# Seen:
#   2026-11-29: 1948/09/08, ICU 1948/9/8, back 2026-11-29
#   2024-03-18: 1945/12/27, ICU 1945/12/28, back 2024-03-17
#   2027-03-20: 1950/12/30, ICU 1948/12/29, back 2029-03-21
#   days of 2020 to 2034 that differ: 30
# For whom: forms of government sites in India, whose letters have dates of this calendar; the end of March is the end of the financial year.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund react-date-object@2.1.9
cat >saka.cjs <<'NODE'
const assert = require('node:assert')
const load = name => { const loaded = require(name); return loaded.default ?? loaded }
const DateObject = load('react-date-object')
const gregorian = load('react-date-object/calendars/gregorian')
const indian = load('react-date-object/calendars/indian')

const icu = new Intl.DateTimeFormat('en-u-ca-indian-nu-latn', { year: 'numeric', month: 'numeric', day: 'numeric', timeZone: 'UTC' })

function converted(day) {
  const date = new DateObject({ year: day.getUTCFullYear(), month: day.getUTCMonth() + 1, day: day.getUTCDate(), calendar: gregorian })
  const saka = date.convert(indian).format('YYYY/MM/DD')
  const parts = Object.fromEntries(icu.formatToParts(day).map(part => [part.type, part.value]))
  const expected = `${parts.year.replace(/\D/g, '')}/${parts.month}/${parts.day}`
  const [year, month, dayOfMonth] = saka.split('/').map(Number)
  const back = new DateObject({ year, month, day: dayOfMonth, calendar: indian }).convert(gregorian).format('YYYY-MM-DD')
  return { saka, expected, back, same: `${year}/${month}/${dayOfMonth}` === expected }
}

const seen = ['2026-11-29', '2024-03-18', '2027-03-20'].map(text => {
  const { saka, expected, back } = converted(new Date(`${text}T00:00:00Z`))
  console.log(`${text}: ${saka}, ICU ${expected}, back ${back}`)
  return [saka, expected, back]
})
let differing = 0
for (let time = Date.UTC(2020, 0, 1); time < Date.UTC(2034, 0, 1); time += 86400000) differing += !converted(new Date(time)).same
console.log(`days of 2020 to 2034 that differ: ${differing}`)
assert.deepEqual(seen, [
  ['1948/09/08', '1948/9/8', '2026-11-29'],
  ['1945/12/27', '1945/12/28', '2024-03-17'],
  ['1950/12/30', '1948/12/29', '2029-03-21'],
], 'the behaviour has changed')
assert.equal(differing, 30, 'the behaviour has changed')
NODE
node saka.cjs
