#!/usr/bin/env bash
# Formula.js computes functions of spreadsheets in JavaScript, and COUNTIF otherwise than Excel and LibreOffice do: wildcards find nothing, and a
# text has to have the same case. Working days counted backwards come with the weekends, and TRUNC cuts 4.35 to 4.34.
#
# Versions: @formulajs/formulajs 4.6.1 (npm)
# Seen, with Excel's answer in brackets:
#   COUNTIF of Madurai 01, Madurai 02, Salem 01 and "Madurai*": 0 (2)
#   COUNTIF of Yes, yes, No and "yes": 1 (2)
#   NETWORKDAYS of 2026-11-30 and 2026-11-01: -28 (-21)
#   TRUNC of 4.35 and 2: 4.34 (4.35)
# For whom: web pages that compute mentors' spreadsheets, such as how many of a block's learners have finished.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @formulajs/formulajs@4.6.1
cat >formulas.mjs <<'NODE'
import assert from 'node:assert'
import * as formulas from '@formulajs/formulajs'

const expected = [
  ['COUNTIF of Madurai 01, Madurai 02, Salem 01 and "Madurai*"', () => formulas.COUNTIF(['Madurai 01', 'Madurai 02', 'Salem 01'], 'Madurai*'), 0, 2],
  ['COUNTIF of Yes, yes, No and "yes"', () => formulas.COUNTIF(['Yes', 'yes', 'No'], 'yes'), 1, 2],
  ['NETWORKDAYS of 2026-11-30 and 2026-11-01', () => formulas.NETWORKDAYS(new Date(2026, 10, 30), new Date(2026, 10, 1)), -28, -21],
  ['TRUNC of 4.35 and 2', () => formulas.TRUNC(4.35, 2), 4.34, 4.35],
]
for (const [formula, compute, answer, excel] of expected) {
  const seen = compute()
  console.log(`${formula}: ${seen} (${excel})`)
  assert.equal(seen, answer, 'the behaviour has changed')
}
NODE
node formulas.mjs
