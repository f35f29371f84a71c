#!/usr/bin/env bash
# A duration of a month, as xAPI and SCORM 2004 allow it, has another length for iso8601-duration each month: it is counted from the day
# it is asked on, unless a start is given. What was 28 days in February is 31 in December, and for dayjs always 30.4. dayjs, besides,
# reads a duration with a decimal comma, which ISO 8601 allows as well as a point, as nothing.
#
# Versions: iso8601-duration 2.1.4, dayjs 1.11.23 (npm)
# Seen:
#   P1M in days: iso8601-duration 28 in February, 31 in December; dayjs 30.416666666666668
#   PT0,5S in seconds: iso8601-duration 0.5, dayjs 0
# For whom: pages and pipelines that add up the time that learners spent, or compare it with what an LMS shows.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund iso8601-duration@2.1.4 dayjs@1.11.23
cat >durations.mjs <<'NODE'
import assert from 'node:assert'
import { parse, toSeconds } from 'iso8601-duration'
import dayjs from 'dayjs'
import duration from 'dayjs/plugin/duration.js'

dayjs.extend(duration)
const days = seconds => seconds / 86400
const RealDate = Date
const asIfToday = (today, ask) => {
  globalThis.Date = class extends RealDate {
    constructor(...given) { super(...(given.length ? given : [today])) }
  }
  try { return ask() } finally { globalThis.Date = RealDate }
}
const month = today => days(asIfToday(today, () => toSeconds(parse('P1M'))))
const [february, december] = [month('2026-02-10T00:00:00Z'), month('2026-12-10T00:00:00Z')]
const inDayjs = dayjs.duration('P1M').asDays()
console.log(`P1M in days: iso8601-duration ${february} in February, ${december} in December; dayjs ${inDayjs}`)
const commas = [toSeconds(parse('PT0,5S')), dayjs.duration('PT0,5S').asSeconds()]
console.log(`PT0,5S in seconds: iso8601-duration ${commas[0]}, dayjs ${commas[1]}`)
assert.deepStrictEqual([february, december, ...commas], [28, 31, 0.5, 0], 'the behaviour has changed')
assert(inDayjs > 30 && inDayjs < 31, 'the behaviour has changed')
NODE
node durations.mjs
