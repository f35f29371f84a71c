#!/usr/bin/env bash
# pomeranian-durations carries durations between ISO 8601 and PostgreSQL's intervals. Two weeks become an interval of no time by toSql, and
# the text "2 undefined" by toPostgres; from PostgreSQL's text, the fraction of a second is cut off.
#
# Versions: pomeranian-durations 1.11.4 (npm)
# Seen:
#   P14D: 0-0 14; P2W: 0-0 0, and 2 undefined; 00:00:01.5: PT1S
# For whom: services in Node.js that keep the durations of courses or of learning (xAPI, SCORM) in a database and read them back.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund pomeranian-durations@1.11.4
cat >durations.cjs <<'NODE'
const assert = require('node:assert')
const { fromPostgres, toPostgres, toSql } = require('pomeranian-durations')

const seen = [toSql('P14D'), toSql('P2W'), toPostgres('P2W'), fromPostgres('00:00:01.5')]
console.log(`P14D: ${seen[0]}; P2W: ${seen[1]}, and ${seen[2]}; 00:00:01.5: ${seen[3]}`)
assert.deepEqual(seen, ['0-0 14', '0-0 0', '2 undefined', 'PT1S'], 'the behaviour has changed')
NODE
node durations.cjs
