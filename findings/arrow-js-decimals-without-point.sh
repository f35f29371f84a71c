#!/usr/bin/env bash
# Apache Arrow's JavaScript library reads a decimal as a whole number, without its point: 99.50 is 9950, as a number and as text,
# and 0.5 is 5. How many decimals there are is told by the type of the column alone (scale).
#
# Versions: apache-arrow 21.2.0 (npm), pyarrow 26.0.1 (PyPI)
# Seen:
#   pyarrow: average 99.50, share 0.5
#   apache-arrow: average 9950, as text 9950, share 5, scales 2,1
# For whom: pages that take Arrow streams of rounded averages and amounts (numeric in SQL) and draw them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet pyarrow==26.0.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund apache-arrow@21.2.0
venv/bin/python - <<'PYTHON'
from decimal import Decimal
import pyarrow as pa

table = pa.table({"average": [Decimal("99.50")], "share": [Decimal("0.5")]})
with pa.ipc.new_stream("figures.arrows", table.schema) as stream:
    stream.write_table(table)
row = pa.ipc.open_stream("figures.arrows").read_all().to_pylist()[0]
print(f"pyarrow: average {row['average']}, share {row['share']}")
PYTHON
cat >read.mjs <<'NODE'
import assert from 'node:assert'
import { readFileSync } from 'node:fs'
import { tableFromIPC } from 'apache-arrow'

const table = tableFromIPC(readFileSync('figures.arrows'))
const { average, share } = table.get(0)
const scales = table.schema.fields.map(field => field.type.scale)
console.log(`apache-arrow: average ${Number(average)}, as text ${average}, share ${Number(share)}, scales ${scales}`)
assert.deepEqual([Number(average), String(average), Number(share), scales], [9950, '9950', 5, [2, 1]], 'the behaviour has changed')
NODE
node read.mjs
