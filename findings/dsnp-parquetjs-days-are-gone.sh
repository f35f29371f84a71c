#!/usr/bin/env bash
# @dsnp/parquetjs, the maintained fork of parquetjs, reads a timestamp of Parquet's older kind (INT96), which Spark and Hive wrote for years, as
# its time of day alone, in nanoseconds: the day is gone, and two logins of different years are equal. Booleans in pages of version 2 are
# other ones: who is active is not. Unsigned numbers from 2^31 on are negative. Nothing is raised.
#
# Versions: @dsnp/parquetjs 1.8.9 (npm; the package of 1.9.3 holds no program), pyarrow 26.0.1 (PyPI)
# Seen:
#   INT96 2025-01-01 10:00 and 2026-11-29 10:00: 36000000000000, 36000000000000
#   booleans true, false, true in pages of version 2: false, false, false
#   unsigned 4000000000: -294967296
# For whom: services in Node.js that read exports of Spark, Hive or pyarrow.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pyarrow==26.0.1
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @dsnp/parquetjs@1.8.9
"$work/venv/bin/python" - <<'PYTHON'
import datetime
import pyarrow, pyarrow.parquet as parquet

times = [datetime.datetime(2025, 1, 1, 10), datetime.datetime(2026, 11, 29, 10)]
parquet.write_table(pyarrow.table({"value": times}), "times.parquet", use_deprecated_int96_timestamps=True)
parquet.write_table(pyarrow.table({"value": [True, False, True]}), "booleans.parquet", data_page_version="2.0")
parquet.write_table(pyarrow.table({"value": pyarrow.array([4000000000], pyarrow.uint32())}), "unsigned.parquet")
PYTHON
cat >read.cjs <<'NODE'
const assert = require('node:assert')
const { ParquetReader } = require('@dsnp/parquetjs')

async function read(what, file, expected) {
  const reader = await ParquetReader.openFile(file)
  const cursor = reader.getCursor()
  const values = []
  for (let row = await cursor.next(); row; row = await cursor.next()) values.push(row.value)
  await reader.close()
  console.log(`${what}: ${values.join(', ')}`)
  assert.deepEqual(values, expected, 'the behaviour has changed')
}

async function main() {
  await read('INT96 2025-01-01 10:00 and 2026-11-29 10:00', 'times.parquet', [36000000000000, 36000000000000])
  await read('booleans true, false, true in pages of version 2', 'booleans.parquet', [false, false, false])
  await read('unsigned 4000000000', 'unsigned.parquet', [-294967296])
}
main().catch(error => { console.error(error); process.exit(1) })
NODE
node read.cjs
