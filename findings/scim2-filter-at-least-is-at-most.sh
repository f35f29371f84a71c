#!/usr/bin/env bash
# scim2-filter asks "at most" where the filter says ge, and "at least" where it says le. Conditions that are joined by or, or by and, are
# asked of the filter instead of the user, so that nobody satisfies them. gt, lt and eq alone are right.
#
# Versions: scim2-filter 0.2.0 (npm)
# Seen, for users of the levels 3, 5 and 8:
#   level gt 5: 8; level ge 5: 3, 5; level le 5: 5, 8
#   level eq 3 or level eq 5: nobody; level gt 1 and level lt 9: nobody
# For whom: services in Node.js that select changed or matching users from a directory: those since a day are those until it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund scim2-filter@0.2.0
cat >filter.cjs <<'NODE'
const assert = require('node:assert')
const scim = require('scim2-filter')

const expected = [
  ['level gt 5', [8]],
  ['level ge 5', [3, 5]],
  ['level le 5', [5, 8]],
  ['level eq 3 or level eq 5', []],
  ['level gt 1 and level lt 9', []],
]
const users = [3, 5, 8].map(level => ({ level }))
for (const [filter, levels] of expected) {
  const found = users.filter(scim.filter(scim.parse(filter))).map(user => user.level)
  console.log(`${filter}: ${found.join(', ') || 'nobody'}`)
  assert.deepEqual(found, levels, 'the behaviour has changed')
}
NODE
node filter.cjs
