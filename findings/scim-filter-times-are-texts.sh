#!/usr/bin/env bash
# SCIM compares times by when they are (RFC 7644, section 3.4.2.2). scim2-parse-filter compares their texts, so that a time with India's
# zone counts as five hours and a half later than it is: who changed before the asked time is found, who changed after it may be missing.
#
# Versions: scim2-parse-filter 0.2.10 (npm)
# Seen, of asha 2026-11-29T00:30:00+05:30 (19:00 UTC), ravi 2026-11-28T20:00:00Z, meena 2026-11-28T18:00:00Z:
#   changed gt 2026-11-28T19:30:00Z: asha, ravi, where ravi alone is right
#   changed ge 2026-11-29T00:00:00+05:30 (18:30 UTC): asha, where asha and ravi are right
# For whom: services in Node.js that ask a directory who changed since the last export: changes are exported twice, or never.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund scim2-parse-filter@0.2.10
cat >filter.cjs <<'NODE'
const assert = require('node:assert')
const { filter, parse } = require('scim2-parse-filter')

const users = [
  { userName: 'asha', changed: '2026-11-29T00:30:00+05:30' },
  { userName: 'ravi', changed: '2026-11-28T20:00:00Z' },
  { userName: 'meena', changed: '2026-11-28T18:00:00Z' },
]
const expected = [
  ['changed gt "2026-11-28T19:30:00Z"', ['asha', 'ravi']],
  ['changed ge "2026-11-29T00:00:00+05:30"', ['asha']],
]
for (const [condition, names] of expected) {
  const found = users.filter(filter(parse(condition))).map(user => user.userName)
  console.log(`${condition}: ${found.join(', ')}`)
  assert.deepEqual(found, names, 'the behaviour has changed')
}
NODE
node filter.cjs
