#!/usr/bin/env bash
# TinCanJS turns a duration of xAPI into milliseconds, and takes for granted that it says its minutes and its seconds: half an hour is
# nothing, an hour lasts a second longer, and a duration of hours and seconds, as the library writes it itself, loses its seconds. The
# other client for xAPI, @xapi/xapi, writes durations of just that kind.
#
# Versions: tincanjs 0.50.0, @xapi/xapi 3.0.3 (npm)
# Seen:
#   PT30M: 0 seconds
#   PT1H30M: 0 seconds
#   PT1H: 3601 seconds
#   PT30M0S: 1800 seconds
#   PT1H0M0S: 3600 seconds
#   3645250 milliseconds, written as PT1H45.25S: 3601 seconds
#   10:00 to 10:30, written by @xapi/xapi as PT30M: 0 seconds
# For whom: courses and pages that add up the time of learning from the durations of statements.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund tincanjs@0.50.0 @xapi/xapi@3.0.3
cat >durations.cjs <<'NODE'
const assert = require('node:assert')
const { Utils } = require('tincanjs')
const { calculateISO8601Duration } = require('@xapi/xapi')
const seconds = duration => Utils.convertISO8601DurationToMilliseconds(duration) / 1000
const expected = { PT30M: 0, PT1H30M: 0, PT1H: 3601, PT30M0S: 1800, PT1H0M0S: 3600 }
for (const [duration, length] of Object.entries(expected)) {
  console.log(`${duration}: ${seconds(duration)} seconds`)
  assert.strictEqual(seconds(duration), length, 'the behaviour has changed')
}
const written = Utils.convertMillisecondsToISO8601Duration(3645250)
console.log(`3645250 milliseconds, written as ${written}: ${seconds(written)} seconds`)
assert.deepStrictEqual([written, seconds(written)], ['PT1H45.25S', 3601], 'the behaviour has changed')
const lesson = calculateISO8601Duration(new Date('2026-11-29T10:00:00Z'), new Date('2026-11-29T10:30:00Z'))
console.log(`10:00 to 10:30, written by @xapi/xapi as ${lesson}: ${seconds(lesson)} seconds`)
assert.deepStrictEqual([lesson, seconds(lesson)], ['PT30M', 0], 'the behaviour has changed')
NODE
node durations.cjs
