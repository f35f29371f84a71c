#!/usr/bin/env bash
# scim-query-filter-parser compares texts by their letters alone, and leaves their marks out. In Devanagari the two names हंस and हँस differ
# by a mark over the first letter, so each is equal to the other, and ne does not tell them apart. Latin marks are left out as well.
#
# Versions: scim-query-filter-parser 2.0.4 (npm), Node.js 20
# Seen:
#   हंस eq हँस: true, ne: false; José eq JOSE: true, ne: false; राम eq रमा: false, ne: true
# For whom: services that look for one person by a name or display name in an Indian script, and take the answer for that person.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund scim-query-filter-parser@2.0.4
cat >names.cjs <<'NODE'
const assert = require('node:assert')
const { compileFilter } = require('scim-query-filter-parser')

for (const [one, other, same] of [['हंस', 'हँस', true], ['José', 'JOSE', true], ['राम', 'रमा', false]]) {
  const user = { displayName: one }
  const answers = ['eq', 'ne'].map(operator => compileFilter(`displayName ${operator} "${other}"`)(user))
  console.log(`${one} eq ${other}: ${answers[0]}, ne: ${answers[1]}`)
  assert.deepEqual(answers, [same, !same], 'the behaviour has changed')
}
NODE
node names.cjs
