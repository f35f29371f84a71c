#!/usr/bin/env bash
# local-crontab turns a schedule in local time into one in UTC, and moves its hours alone. Two o'clock on Monday morning in India is Sunday
# evening in UTC; the schedule that comes out runs on Monday evening, which is Tuesday morning. The first of a month becomes the second,
# and Monday to Friday becomes Tuesday to Saturday. The minutes of a list stay in one hour, though India is half an hour off.
#
# Versions: local-crontab 0.1.8, cron-parser 5.10.5 (npm)
# Seen:
#   0 2 * * 1 -> 30 20 * * 1, first run in India: Tue 2026-12-01 02:00
#   0 2 1 * * -> 30 20 1 * *, first run in India: Wed 2026-12-02 02:00
#   0 5 * * 1-5 -> 30 23 * * 1-5, first run in India: Tue 2026-12-01 05:00
#   15,45 2 * * * -> 15,45 20 * * *, first run in India: Mon 2026-11-30 01:45
# For whom: who writes a weekly or monthly schedule of India for a machine in UTC.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund local-crontab@0.1.8 cron-parser@5.10.5
cat >schedules.cjs <<'NODE'
const assert = require('node:assert')
const { localCrontabToUtcCrontabs } = require('local-crontab')
const { CronExpressionParser } = require('cron-parser')

const expected = [
  ['0 9 * * 1', '30 3 * * 1', 'Mon 2026-11-30 09:00'], // the same day in UTC: right
  ['0 2 * * 1', '30 20 * * 1', 'Tue 2026-12-01 02:00'],
  ['0 2 1 * *', '30 20 1 * *', 'Wed 2026-12-02 02:00'],
  ['0 5 * * 1-5', '30 23 * * 1-5', 'Tue 2026-12-01 05:00'],
  ['15,45 2 * * *', '15,45 20 * * *', 'Mon 2026-11-30 01:45'],
]
for (const [india, utc, run] of expected) {
  const converted = localCrontabToUtcCrontabs(india, 'Asia/Kolkata')
  // A Sunday noon in India.
  const next = CronExpressionParser.parse(converted[0], { currentDate: '2026-11-29T06:30:00Z', tz: 'UTC' }).next().toDate()
  const shifted = new Date(next.getTime() + 5.5 * 3600 * 1000)
  const seen = `${shifted.toUTCString().slice(0, 3)} ${shifted.toISOString().slice(0, 16).replace('T', ' ')}`
  console.log(`${india} -> ${converted}, first run in India: ${seen}`)
  assert.deepEqual([converted, seen], [[utc], run], 'the behaviour has changed')
}
NODE
node schedules.cjs
