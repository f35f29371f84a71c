#!/usr/bin/env bash
# Quartz counts the days of a week from 1, cron from 0. cron-to-quartz adds one to each number in that field, also to the step: every second
# day becomes every third one, and Monday, Wednesday, Friday (1-5/2) become Monday and Thursday. Sunday as 7, which cron allows, is day 8.
#
# Versions: cron-to-quartz 1.4.15 (npm)
# Seen:
#   0 2 * * 1-5 -> 0 0 2 ? * 2-6 *
#   0 2 * * */2 -> 0 0 2 ? * */3 *
#   0 2 * * 1-5/2 -> 0 0 2 ? * 2-6/3 *
#   0 2 * * 7 -> 0 0 2 ? * 8 *
# For whom: who moves nightly jobs from cron to a scheduler that takes Quartz' schedules, as many services in Java do.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund cron-to-quartz@1.4.15
cat >schedules.cjs <<'NODE'
const assert = require('node:assert')
const { getQuartz } = require('cron-to-quartz')

const expected = [
  ['0 2 * * 1-5', '0 0 2 ? * 2-6 *'], // right
  ['0 2 * * */2', '0 0 2 ? * */3 *'],
  ['0 2 * * 1-5/2', '0 0 2 ? * 2-6/3 *'],
  ['0 2 * * 7', '0 0 2 ? * 8 *'],
]
for (const [cron, quartz] of expected) {
  const converted = getQuartz(cron).map(fields => fields.join(' '))
  console.log(`${cron} -> ${converted}`)
  assert.deepEqual(converted, [quartz], 'the behaviour has changed')
}
NODE
node schedules.cjs
