#!/usr/bin/env bash
# SCIMMY turns not (A or B) into not A or not B, and not (A and B) into not A and not B. So "all but these two" finds these two as well, and
# "all but a ravi who is active" leaves out everybody who is ravi, and everybody who is active. not before a single condition is right.
#
# Versions: scimmy 1.3.5 (npm)
# Seen:
#   not (userName eq "asha" or userName eq "ravi"): asha, ravi, meena
#   not (userName eq "ravi" and active eq true): meena, where all three are right
# For whom: services in Node.js that take users from a SCIM directory except some: those are mailed or enrolled, others left out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund scimmy@1.3.5
cat >filter.mjs <<'NODE'
import assert from 'node:assert'
import scimmy from 'scimmy'

const users = [
  { userName: 'asha', active: true },
  { userName: 'ravi', active: false },
  { userName: 'meena', active: false },
]
const expected = [
  ['not (userName eq "asha")', ['ravi', 'meena']],
  ['not (userName eq "asha" or userName eq "ravi")', ['asha', 'ravi', 'meena']],
  ['not (userName eq "ravi" and active eq true)', ['meena']],
]
for (const [filter, names] of expected) {
  const found = new scimmy.Types.Filter(filter).match(users).map(user => user.userName)
  console.log(`${filter}: ${found.join(', ')}`)
  assert.deepEqual(found, names, 'the behaviour has changed')
}
NODE
node filter.mjs
