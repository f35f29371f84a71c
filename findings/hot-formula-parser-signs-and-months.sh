#!/usr/bin/env bash
# hot-formula-parser computes formulas of Excel, with other answers: MOD of a negative number has another sign, SUBSTITUTE of the second
# occurrence replaces nothing, and a month after 31 January is in March. Excel's answers are in brackets.
#
# Versions: hot-formula-parser 4.0.0 (npm)
# Seen:
#   MOD(-3,5) = 3 (2)
#   SUBSTITUTE("a-b-c","-","",2) = a-b-c (a-bc)
#   EDATE("1/31/2026",1) = 46084, 3 March (46081, 28 February)
#   ROUND(-2.5,0) = -2 (-3)
#   AVERAGE(1,2,TRUE) = 1.5 (1.33)
# For whom: web pages that compute mentors' spreadsheets.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund hot-formula-parser@4.0.0
cat >formulas.cjs <<'NODE'
const assert = require('node:assert')
const { Parser } = require('hot-formula-parser')

const expected = [
  ['MOD(-3,5)', 3, '2'],
  ['SUBSTITUTE("a-b-c","-","",2)', 'a-b-c', 'a-bc'],
  ['EDATE("1/31/2026",1)', 46084, '46081, 28 February'],
  ['ROUND(-2.5,0)', -2, '-3'],
  ['AVERAGE(1,2,TRUE)', 1.5, '1.33'],
]
const parser = new Parser()
for (const [formula, answer, excel] of expected) {
  const { error, result } = parser.parse(formula)
  console.log(`${formula} = ${result}${formula.startsWith('EDATE') ? ', 3 March' : ''} (${excel})`)
  assert.equal(error, null)
  assert.equal(result, answer, 'the behaviour has changed')
}
NODE
TZ=UTC node formulas.cjs
