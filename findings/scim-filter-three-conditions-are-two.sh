#!/usr/bin/env bash
# A filter of SCIM may join three conditions by and, such as active teachers of a name. scim-query-filter-parser joins the first with the
# second, the second with the third, and takes who satisfies either pair: one condition of the three may be false. Two conditions are right.
#
# Versions: scim-query-filter-parser 2.0.4 (npm)
# Seen:
#   active and Teacher and named zoya: asha, who is another; named asha and active and Mentor: asha, a teacher, and ravi
#   active and Teacher: asha
# For whom: services in Node.js that look up or provision users by SCIM filters: the list has people who were not asked for.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund scim-query-filter-parser@2.0.4
cat >filter.cjs <<'NODE'
const assert = require('node:assert')
const { compileFilter } = require('scim-query-filter-parser')

const users = [
  { userName: 'asha', active: true, userType: 'Teacher' },
  { userName: 'ravi', active: true, userType: 'Mentor' },
  { userName: 'meena', active: false, userType: 'Teacher' },
]
const expected = [
  ['active eq true and userType eq "Teacher"', ['asha']],
  ['active eq true and userType eq "Teacher" and userName eq "zoya"', ['asha']],
  ['userName eq "asha" and active eq true and userType eq "Mentor"', ['asha', 'ravi']],
]
for (const [filter, names] of expected) {
  const found = users.filter(compileFilter(filter)).map(user => user.userName)
  console.log(`${filter}: ${found.join(', ') || 'nobody'}`)
  assert.deepEqual(found, names, 'the behaviour has changed')
}
NODE
node filter.cjs
