#!/usr/bin/env bash
# In SCIM, pr asks for a value that is neither null nor empty (RFC 7644). scim2-parse-filter asks whether the attribute stands there: a list
# of addresses without an address, a blank name and null are present.
#
# Versions: scim2-parse-filter 0.2.10 (npm)
# Seen, of asha with an address, ravi with an empty list and a blank nickname, meena with a nickname that is null:
#   emails pr: asha, ravi; nickName pr: ravi, meena
# For whom: services in Node.js that take from a directory who can be written to: some of them have no address.
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
  { userName: 'asha', emails: [{ value: 'asha@school.example' }] },
  { userName: 'ravi', emails: [], nickName: '' },
  { userName: 'meena', nickName: null },
]
for (const [condition, names] of [['emails pr', ['asha', 'ravi']], ['nickName pr', ['ravi', 'meena']]]) {
  const found = users.filter(filter(parse(condition))).map(user => user.userName)
  console.log(`${condition}: ${found.join(', ')}`)
  assert.deepEqual(found, names, 'the behaviour has changed')
}
NODE
node filter.cjs
