#!/usr/bin/env bash
# Makes the export folders of tests/writers again: installs the pinned writers in a temporary folder, lets each write the rows of
# rows.json, reads them back with another library, and copies the folders here. Needs Python 3.11, Node.js 20 with npm, Java 17
# and the package registries; takes some five minutes. The files differ each time in random names and times, not in rows.
set -euo pipefail
make=$(cd "$(dirname "$0")" && pwd)
# The metadata of Iceberg holds this path, so it is the same each time.
work=/tmp/pragati-writers
mkdir "$work"
trap 'rm -rf "$work"' EXIT
corpus=$work/corpus
mkdir "$corpus" "$work/scratch"

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --requirement "$make/requirements.txt"
mkdir "$work/node"
cp "$make"/package.json "$make"/package-lock.json "$make"/*.mjs "$make"/rows.json "$work/node"
(cd "$work/node" && npm ci --silent --no-audit --no-fund)

export PYTHONDONTWRITEBYTECODE=1 TZ=UTC
cd "$work/scratch"
# In this order: the last three copy tables of those before them.
for writer in pyarrow pandas fastparquet polars duckdb chdb delta iceberg dask; do
    echo "write_$writer.py"
    "$work/venv/bin/python" -W ignore "$make/write_$writer.py" "$corpus"
done
echo "write_spark.py"
"$work/venv/bin/python" "$make/write_spark.py" "$corpus" "$work/scratch" 2>"$work/scratch/spark.log" || { cat "$work/scratch/spark.log"; exit 1; }
for writer in hyparquet parquetjs parquet_wasm; do
    echo "write_$writer.mjs"
    TZ=Asia/Kolkata node "$work/node/write_$writer.mjs" "$corpus"
done

"$work/venv/bin/python" "$make/check_rows.py" "$corpus"
for folder in "$corpus"/*/; do
    name=$(basename "$folder")
    rm -rf "${make:?}/../$name"
    cp -r "$folder" "$make/../$name"
done
