#!/usr/bin/env bash
# In Tamil Nadu and Kerala the initial of a father's name often stands last: Suresh V, Karthik I. humanparser and humanname take V and I for a
# number, as in Henry V, and give a suffix and no last name; Venkata Sai V I loses I alone. split-human-name makes a last name ", V", and
# full-name-splitter drops the initial: two teachers of a school are one. Other initials, such as D, keep their place in the first three.
#
# Versions: humanparser 2.7.0, humanname 0.2.2, split-human-name 2.0.13, full-name-splitter 1.1.1 (npm)
# Seen, of Suresh V:
#   humanparser: last name "", suffix V; humanname: last name "", suffix V; split-human-name: last name ", V"; full-name-splitter: last name null
# For whom: who splits one name into the first and the last name that a learning platform asks for (users of Sunbird, Open edX, OneRoster).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund humanparser@2.7.0 humanname@0.2.2 split-human-name@2.0.13 full-name-splitter@1.1.1
cat >names.cjs <<'NODE'
const assert = require('node:assert')
const { parseName } = require('humanparser')
const humanname = require('humanname')
const split = require('split-human-name')
const splitter = require('full-name-splitter')

const read = {
  humanparser: name => [parseName(name).lastName, parseName(name).suffix],
  humanname: name => [humanname.parse(name).lastName, humanname.parse(name).suffix],
  'split-human-name': name => [(split.splitName ?? split.default ?? split)(name).lastName],
  'full-name-splitter': name => [(splitter.default ?? splitter)(name)[1]],
}
const expected = {
  humanparser: [['', 'V'], ['', 'I'], ['D', undefined]],
  humanname: [['', 'V'], ['', 'I'], ['D', '']],
  'split-human-name': [[', V'], [', I'], ['D']],
  'full-name-splitter': [[null], [null], [null]],
}
for (const [library, parts] of Object.entries(read)) {
  const seen = ['Suresh V', 'Karthik I', 'Mary D'].map(parts)
  console.log(`${library}: ${JSON.stringify(seen)}`)
  assert.deepEqual(seen, expected[library], 'the behaviour has changed')
}
NODE
node names.cjs
