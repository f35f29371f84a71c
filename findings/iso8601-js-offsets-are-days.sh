#!/usr/bin/env bash
# iso8601 for JavaScript reads the zone +05:30, India's, as if it moved the time by weeks: the instant comes three weeks too early. Without its
# colon, the zone is left out, and a time in basic format is New Year. A time in Z is right, and so is what the library writes itself.
#
# Versions: iso8601 1.1.1 (npm)
# Seen:
#   2026-11-29T10:30:00Z: 2026-11-29T10:30:00.000Z
#   2026-11-29T10:30:00+05:30: 2026-11-08T14:00:00.000Z; +0530: 2026-11-29T10:30:00.000Z (both are 05:00 UTC)
#   20261129T103000Z: 2026-01-01T00:00:00.000Z
# For whom: services in Node.js that read times of xAPI statements, of Caliper or of Moodle's and Open edX' events, which may have any zone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund iso8601@1.1.1
cat >times.cjs <<'NODE'
const assert = require('node:assert')
const { toDate } = require('iso8601')

const expected = [
  ['2026-11-29T10:30:00Z', '2026-11-29T10:30:00.000Z'],
  ['2026-11-29T10:30:00+05:30', '2026-11-08T14:00:00.000Z'],
  ['2026-11-29T10:30:00+0530', '2026-11-29T10:30:00.000Z'],
  ['20261129T103000Z', '2026-01-01T00:00:00.000Z'],
]
for (const [text, instant] of expected) {
  const read = toDate(text).toISOString()
  console.log(`${text}: ${read}`)
  assert.equal(read, instant, 'the behaviour has changed')
}
NODE
node times.cjs
