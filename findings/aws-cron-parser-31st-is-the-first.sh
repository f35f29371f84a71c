#!/usr/bin/env bash
# aws-cron-parser tells when a schedule of Amazon's EventBridge runs next. One of the 31st runs in months with 31 days; the library has it on the
# day that follows the last one in the others, 1 December and 3 March, and one of 29 February on 1 March of every other year.
#
# Versions: aws-cron-parser 1.1.12 (npm)
# Seen, from 2026-11-29T12:00Z:
#   0 2 30 * ? *: 2026-11-30, 2026-12-30, 2027-01-30, 2027-03-02
#   0 2 31 * ? *: 2026-12-01, 2026-12-31, 2027-01-31, 2027-03-03
#   0 2 29 2 ? *: 2027-03-01, 2028-02-29, 2029-03-01, 2030-03-01
#   0 2 L * ? *: 2026-11-30, 2026-12-31, 2027-01-31, 2027-02-28
# For whom: dashboards that show when the next export or report is due, and checks for runs that are missing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund aws-cron-parser@1.1.12
cat >schedules.cjs <<'NODE'
const assert = require('node:assert')
const { parse, next } = require('aws-cron-parser')

const expected = {
  '0 2 30 * ? *': '2026-11-30, 2026-12-30, 2027-01-30, 2027-03-02',
  '0 2 31 * ? *': '2026-12-01, 2026-12-31, 2027-01-31, 2027-03-03',
  '0 2 29 2 ? *': '2027-03-01, 2028-02-29, 2029-03-01, 2030-03-01',
  '0 2 L * ? *': '2026-11-30, 2026-12-31, 2027-01-31, 2027-02-28', // right
}
for (const [schedule, dates] of Object.entries(expected)) {
  const runs = []
  for (let date = new Date('2026-11-29T12:00:00Z'); runs.length < 4; runs.push(date)) date = next(parse(schedule), date)
  const seen = runs.map(run => run.toISOString().slice(0, 10)).join(', ')
  console.log(`${schedule}: ${seen}`)
  assert.equal(seen, dates, 'the behaviour has changed')
}
NODE
TZ=UTC node schedules.cjs
