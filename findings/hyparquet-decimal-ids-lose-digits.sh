#!/usr/bin/env bash
# hyparquet reads 64-bit integers as BigInt, exactly, but decimals without a fraction as JavaScript numbers: two batches whose ids of
# 19 digits are DECIMAL(20,0) in a file of DuckDB get the same id.
#
# Versions: hyparquet 1.33.0 (npm), duckdb 2.0.1 (PyPI)
# Seen:
#   decimal: 1325000048904434200 1325000048904434200 equal true
#   bigint: 1325000048904434077 1325000048904434078 equal false
# For whom: pages and services in JavaScript that show exports whose ids came from a NUMERIC column.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb==2.0.1
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund hyparquet@1.33.0
"$work/venv/bin/python" -c "import duckdb; duckdb.sql('copy (select id::decimal(20,0) as decimal_id, id::bigint as bigint_id from (values (1325000048904434077), (1325000048904434078)) as batches(id)) to \'batches.parquet\'')"
cat >read.mjs <<'NODE'
import assert from 'node:assert'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
const [first, second] = await parquetReadObjects({ file: await asyncBufferFromFile('batches.parquet') })
console.log('decimal:', String(first.decimal_id), String(second.decimal_id), 'equal', first.decimal_id === second.decimal_id)
console.log('bigint:', String(first.bigint_id), String(second.bigint_id), 'equal', first.bigint_id === second.bigint_id)
assert(first.decimal_id === second.decimal_id && String(first.decimal_id) === '1325000048904434200', 'the behaviour has changed')
assert(first.bigint_id === 1325000048904434077n && second.bigint_id === 1325000048904434078n, 'the behaviour has changed')
NODE
node read.mjs
