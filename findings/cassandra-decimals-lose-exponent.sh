#!/usr/bin/env bash
# Cassandra keeps a decimal as digits and a scale, and the scale may be negative: Python writes 100, once normalized, as 1E+2, and Java
# does the same after stripTrailingZeros. The driver for Node.js reads such a value without its zeros, as 1, and writes the text 1E+2
# as 1. The bytes are right, and the driver for Python reads them as the number that was stored.
#
# Versions: cassandra-driver 4.10.0 (npm), cassandra-driver 3.30.1 (PyPI)
# Seen:
#   100 in the bytes 0000000064: Python 100, Node.js 100 = 100
#   1E+2 in the bytes fffffffe01: Python 1E+2, Node.js 1. = 1
#   33.30 in the bytes 000000020d02: Python 33.30, Node.js 33.30 = 33.3
#   from the text 1E+2: Node.js 1
# For whom: exports and pages in JavaScript of percents and scores that another program stored as decimals: all round numbers shrink.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet cassandra-driver==3.30.1
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund cassandra-driver@4.10.0
"$work/venv/bin/python" - >values.txt <<'PYTHON'
from decimal import Decimal
from cassandra.cqltypes import DecimalType

for value in (Decimal("100"), Decimal("100").normalize(), Decimal("33.30")):
    stored = DecimalType.serialize(value, 4)
    print(value, stored.hex(), DecimalType.deserialize(stored, 4))
PYTHON
cat >read.cjs <<'NODE'
const assert = require('node:assert')
const fs = require('node:fs')
const { BigDecimal } = require('cassandra-driver').types
const seen = []
for (const line of fs.readFileSync('values.txt', 'utf8').trim().split('\n')) {
  const [value, bytes, python] = line.split(' ')
  const decimal = BigDecimal.fromBuffer(Buffer.from(bytes, 'hex'))
  console.log(`${value} in the bytes ${bytes}: Python ${python}, Node.js ${decimal} = ${decimal.toNumber()}`)
  assert.strictEqual(python, value, 'the behaviour has changed')
  seen.push(decimal.toNumber())
}
const fromText = BigDecimal.fromString('1E+2').toNumber()
console.log(`from the text 1E+2: Node.js ${fromText}`)
assert.deepStrictEqual([...seen, fromText], [100, 1, 33.3, 1], 'the behaviour has changed')
NODE
node read.cjs
