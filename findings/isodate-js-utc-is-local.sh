#!/usr/bin/env bash
# isodate for JavaScript takes a time in Z for one of the machine's own zone, and adds the zone of a time that has one instead of taking it
# off. Digits after the point are milliseconds, however many: half a second is 5 milliseconds, and six digits are up to 16 minutes.
#
# Versions: isodate 0.1.4 (npm), Node.js 20
# Seen, on a machine in India (TZ=Asia/Kolkata):
#   2026-11-29T10:30:00Z: 2026-11-29T05:00:00.000Z; 2026-11-29T10:30:00+05:30: 2026-11-29T10:30:00.000Z
#   2026-11-29T10:30:00.123456Z: 2026-11-29T05:02:03.456Z
# and where the machine is in UTC:
#   2026-11-29T10:30:00+05:30: 2026-11-29T16:00:00.000Z; 2026-11-29T10:30:00.123456Z: 2026-11-29T10:32:03.456Z
# For whom: services in Node.js that read times of events with zones, or with microseconds, as Open edX writes them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund isodate@0.1.4
cat >times.cjs <<'NODE'
const assert = require('node:assert')
const isodate = require('isodate')

const texts = ['2026-11-29T10:30:00Z', '2026-11-29T10:30:00+05:30', '2026-11-29T10:30:00.5Z', '2026-11-29T10:30:00.123456Z']
const read = texts.map(text => isodate(text).toISOString())
texts.forEach((text, at) => console.log(`${process.env.TZ}: ${text}: ${read[at]}`))
const expected = {
  UTC: ['10:30:00.000', '16:00:00.000', '10:30:00.005', '10:32:03.456'],
  'Asia/Kolkata': ['05:00:00.000', '10:30:00.000', '05:00:00.005', '05:02:03.456'],
}
assert.deepEqual(read, expected[process.env.TZ].map(time => `2026-11-29T${time}Z`), 'the behaviour has changed')
NODE
TZ=Asia/Kolkata node times.cjs
TZ=UTC node times.cjs
