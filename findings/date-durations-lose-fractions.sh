#!/usr/bin/env bash
# Two libraries that add ISO 8601 durations to dates lose their fractions. date-duration leaves out the part that has one: a minute and 30.5
# seconds are a minute. date-fns-duration, whose pattern allows fractions, cuts them off: an hour and a half is an hour, and half an hour
# nothing. xAPI, SCORM 2004 and cmi5 write seconds with fractions.
#
# Versions: date-duration 2.0.0, date-fns-duration 1.0.4, date-fns 2.0.1 (npm)
# Seen, added to 2026-11-29T10:00:00.000Z:
#   PT1M30S: date-duration 2026-11-29T10:01:30.000Z, date-fns-duration 2026-11-29T10:01:30.000Z
#   PT1M30.5S: date-duration 2026-11-29T10:01:00.000Z, date-fns-duration 2026-11-29T10:01:30.000Z
#   PT1.5H: date-duration an error, date-fns-duration 2026-11-29T11:00:00.000Z
#   PT0.5H: date-duration an error, date-fns-duration 2026-11-29T10:00:00.000Z
# For whom: services in Node.js that compute when somebody ended a content from when they began and how long they took.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund date-duration@2.0.0 date-fns-duration@1.0.4 date-fns@2.0.1
cat >durations.mjs <<'NODE'
import assert from 'node:assert'
import createDuration from 'date-duration'
import addDuration from 'date-fns-duration'

const start = new Date('2026-11-29T10:00:00.000Z')
function added(add) {
  try { return add().toISOString() } catch { return 'an error' }
}
const expected = [
  ['PT1M30S', '2026-11-29T10:01:30.000Z', '2026-11-29T10:01:30.000Z'],
  ['PT1M30.5S', '2026-11-29T10:01:00.000Z', '2026-11-29T10:01:30.000Z'],
  ['PT1.5H', 'an error', '2026-11-29T11:00:00.000Z'],
  ['PT0.5H', 'an error', '2026-11-29T10:00:00.000Z'],
]
for (const [duration, ...ends] of expected) {
  const seen = [added(() => createDuration(duration).addTo(start)), added(() => addDuration(start, duration))]
  console.log(`${duration}: date-duration ${seen[0]}, date-fns-duration ${seen[1]}`)
  assert.deepEqual(seen, ends, 'the behaviour has changed')
}
NODE
TZ=UTC node durations.mjs
