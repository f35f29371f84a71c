#!/usr/bin/env bash
# convert-rupees-into-words says each unit on its way: 100,001 rupees are "One Lakh Thousand One", which is a hundred million and one, and
# 10,000,001 are "One Crore Lakh Thousand One". From a thousand million on it says nothing at all.
#
# Versions: convert-rupees-into-words 1.0.6 (npm)
# Seen:
#   100001: One Lakh Thousand One Rupees
#   110000: One Lakh Ten Thousand Rupees
#   10000001: One Crore Lakh Thousand One Rupees
#   1234567890: ""
# For whom: letters about stipends and fees of trainings, in which the words decide where words and figures differ.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund convert-rupees-into-words@1.0.6
cat >words.cjs <<'NODE'
const assert = require('node:assert')
const inWords = require('convert-rupees-into-words')

const expected = {
  100001: 'One Lakh Thousand One Rupees',
  110000: 'One Lakh Ten Thousand Rupees',
  10000001: 'One Crore Lakh Thousand One Rupees',
  1234567890: '',
}
for (const [amount, words] of Object.entries(expected)) {
  const seen = inWords(Number(amount)).trim()
  console.log(`${amount}: ${seen || '""'}`)
  assert.equal(seen, words, 'the behaviour has changed')
}
NODE
node words.cjs
