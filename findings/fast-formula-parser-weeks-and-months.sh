#!/usr/bin/env bash
# fast-formula-parser computes formulas of Excel, with other answers: a month after 31 January is 3 March, the ISO week of a Sunday is that of
# the week after it, and "A"="a" is false. Excel's answers are in brackets. It uses no warning and no error.
#
# Versions: fast-formula-parser 1.0.19 (npm)
# Seen:
#   TEXT(EDATE(DATE(2026,1,31),1),"yyyy-mm-dd") = 2026-03-03 (2026-02-28)
#   ISOWEEKNUM(DATE(2026,11,29)) = 49 (48, as the day is a Sunday)
#   WEEKNUM(DATE(2026,11,29)) = 48 (49)
#   "A"="a" = false (TRUE)
#   COUNTIF({"A","a","B"},"a") = 1 (2)
# For whom: services that compute the formulas of mentors' spreadsheets without Excel.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund fast-formula-parser@1.0.19
cat >formulas.cjs <<'NODE'
const assert = require('node:assert')
const loaded = require('fast-formula-parser')
const FormulaParser = loaded.default ?? loaded
const parser = new FormulaParser()

const expected = [
  ['TEXT(EDATE(DATE(2026,1,31),1),"yyyy-mm-dd")', '2026-03-03', '2026-02-28'],
  ['ISOWEEKNUM(DATE(2026,11,29))', 49, '48, as the day is a Sunday'],
  ['WEEKNUM(DATE(2026,11,29))', 48, '49'],
  ['"A"="a"', false, 'TRUE'],
  ['COUNTIF({"A","a","B"},"a")', 1, '2'],
]
for (const [formula, answer, excel] of expected) {
  const seen = parser.parse(formula, { row: 1, col: 1, sheet: 'Report' })
  console.log(`${formula} = ${seen} (${excel})`)
  assert.equal(seen, answer, 'the behaviour has changed')
}
NODE
node formulas.cjs
