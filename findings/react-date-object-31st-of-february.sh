#!/usr/bin/env bash
# react-date-object, the library of react-multi-date-picker, adds a month to the 31st of January and shows the 31st of February, which it calls
# valid; as a Date it is the 3rd of March. Half past midnight, which it writes as 12:30 AM, it reads as half past noon.
#
# Versions: react-date-object 2.1.9 (npm)
# Seen:
#   2026-01-31 and a month: 2026-02-31, valid: true, as a Date: 2026-03-03
#   2026-11-29 00:30 written: 2026-11-29 12:30 AM, read: 2026-11-29 12:30
# For whom: forms in which people choose the begin and the end of a batch, or the time of a reminder.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund react-date-object@2.1.9
cat >dates.cjs <<'NODE'
const assert = require('node:assert')
process.env.TZ = 'UTC'
const loaded = require('react-date-object')
const DateObject = loaded.default ?? loaded

const later = new DateObject({ year: 2026, month: 1, day: 31 }).add(1, 'month')
const month = [later.format('YYYY-MM-DD'), later.isValid, later.toDate().toISOString().slice(0, 10)]
console.log(`2026-01-31 and a month: ${month[0]}, valid: ${month[1]}, as a Date: ${month[2]}`)

const format = 'YYYY-MM-DD hh:mm A'
const midnight = new DateObject({ year: 2026, month: 11, day: 29, hour: 0, minute: 30 }).format(format)
const read = new DateObject({ date: midnight, format }).format('YYYY-MM-DD HH:mm')
console.log(`2026-11-29 00:30 written: ${midnight}, read: ${read}`)

assert.deepEqual(month, ['2026-02-31', true, '2026-03-03'], 'the behaviour has changed')
assert.deepEqual([midnight, read], ['2026-11-29 12:30 AM', '2026-11-29 12:30'], 'the behaviour has changed')
NODE
node dates.cjs
