#!/usr/bin/env bash
# crontzconvert moves a schedule from one zone to another. India is half an hour off the full hour, so some minutes of one hour fall into
# another: 10 and 40 past nine on Mondays become 10 and 40 past three in UTC, which is 8:40 and 9:10 in India. A quarter of an hour's steps
# likewise. The last day of a month becomes the first, also where the time stays on its day.
#
# Versions: crontzconvert 1.1.1 (npm)
# Seen, from Asia/Kolkata to UTC:
#   0 10,40 9 * * 1 -> 0 10,40 3 * * 1 (9:10 is 3:40 in UTC, and 9:40 is 4:10)
#   0 */15 2 * * * -> 0 */15 20 * * * (20:30 to 21:15 would be right)
#   0 0 6 L * * -> 0 30 0 1 * * (the last day at 0:30)
# For whom: services whose users choose in their own zone when a report is sent, and whose scheduler runs in UTC.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund crontzconvert@1.1.1
cat >schedules.cjs <<'NODE'
const assert = require('node:assert')
const { convert } = require('crontzconvert')

const expected = [
  ['0 0 9 * * 1', '0 30 3 * * 1'], // one time a day: right
  ['0 10,40 9 * * 1', '0 10,40 3 * * 1'],
  ['0 */15 2 * * *', '0 */15 20 * * *'],
  ['0 0 6 L * *', '0 30 0 1 * *'],
]
for (const [india, utc] of expected) {
  const converted = convert(india, 'Asia/Kolkata', 'UTC')
  console.log(`${india} -> ${converted}`)
  assert.equal(converted, utc, 'the behaviour has changed')
}
NODE
node schedules.cjs
