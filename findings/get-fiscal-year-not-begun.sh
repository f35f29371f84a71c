#!/usr/bin/env bash
# get-fiscal-year compares month and day one by one: the current year of a country whose years end on the 15th, such as Nepal's, is on 20 March
# one that begins in July. Where years end on the 30th, as in Bangladesh, Australia and the USA, it is so on the 31st of a month. India's end on
# a 31st, and are right.
#
# Versions: get-fiscal-year 3.0.6 (npm)
# Seen, the current year:
#   2026-03-20, IN: 2025-04-01 to 2026-03-31
#   2026-03-10, NP: 2025-07-16 to 2026-07-15
#   2026-03-20, NP: 2026-07-16 to 2027-07-15
#   2026-01-30, BD: 2025-07-01 to 2026-06-30
#   2026-01-31, BD: 2026-07-01 to 2027-06-30
# For whom: dashboards with figures of the current financial year, which are empty on such days.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund get-fiscal-year@3.0.6
cat >years.cjs <<'NODE'
const assert = require('node:assert')
const loaded = require('get-fiscal-year')
const GetFiscalYear = loaded.default ?? loaded

// The library takes the day from the clock.
const RealDate = Date
function current(today, country) {
  globalThis.Date = class extends RealDate {
    constructor(...parts) { parts.length ? super(...parts) : super(`${today}T12:00:00Z`) }
  }
  try {
    const { fiscalYearStart, fiscalYearEnd } = new GetFiscalYear().getFiscalYear(country, 'current')
    return [fiscalYearStart, fiscalYearEnd].map(date => new RealDate(date).toISOString().slice(0, 10)).join(' to ')
  } finally {
    globalThis.Date = RealDate
  }
}
const expected = [
  ['2026-03-20', 'IN', '2025-04-01 to 2026-03-31'],
  ['2026-03-10', 'NP', '2025-07-16 to 2026-07-15'],
  ['2026-03-20', 'NP', '2026-07-16 to 2027-07-15'],
  ['2026-01-30', 'BD', '2025-07-01 to 2026-06-30'],
  ['2026-01-31', 'BD', '2026-07-01 to 2027-06-30'],
]
for (const [today, country, year] of expected) {
  const seen = current(today, country)
  console.log(`${today}, ${country}: ${seen}`)
  assert.equal(seen, year, 'the behaviour has changed')
}
NODE
TZ=UTC node years.cjs
