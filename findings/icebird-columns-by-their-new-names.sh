#!/usr/bin/env bash
# Iceberg's columns have ids, so that they can be renamed without writing files anew. icebird looks for a file's columns by their names of
# today where the file does not hold Iceberg's schema under `iceberg.schema`, and pyiceberg writes none: a renamed column is missing, two
# that changed their names have each other's values, and a column that was dropped is back in a new one of its name.
#
# Versions: icebird 0.3.1 (npm), pyiceberg 0.12.0, pyarrow 26.0.1 (PyPI)
# Seen:
#   renamed: pyiceberg {'learner_id': 'u-1', 'block': 'North', 'district': 'Pune'}, icebird {'block': 'North', 'district': 'Pune'}
#   swapped: pyiceberg {'user_id': 'u-1', 'district': 'North', 'block': 'Pune'}, icebird {'user_id': 'u-1', 'district': 'Pune', 'block': 'North'}
#   dropped, and added anew: pyiceberg {…, 'district': None}, icebird {…, 'district': 'Pune'}
# For whom: pages in JavaScript that show Iceberg tables whose columns were renamed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'pyiceberg[sql-sqlite]==0.12.0' pyarrow==26.0.1
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund icebird@0.3.1
cat >read.mjs <<'NODE'
import { readFileSync } from 'node:fs'
import { icebergRead } from 'icebird'
// The files lie in a folder: fetch reads them from there, whole or in part, as a web server would.
globalThis.fetch = async (url, init = {}) => {
  const bytes = readFileSync(new URL(url))
  if (init.method === 'HEAD') return new Response(null, { headers: { 'content-length': String(bytes.length) } })
  const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init.headers ?? {}).get('range') ?? '')
  return range ? new Response(bytes.subarray(Number(range[1]), Number(range[2]) + 1), { status: 206 }) : new Response(bytes)
}
const location = process.argv[2]
const metadata = JSON.parse(readFileSync(new URL(location), 'utf8'))
console.log(JSON.stringify(await icebergRead({ tableUrl: location.split('/metadata/')[0], metadata })))
NODE
"$work/venv/bin/python" - "$work" <<'PYTHON'
import json, subprocess, sys
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.types import StringType

work = sys.argv[1]
catalog = SqlCatalog("site", uri=f"sqlite:///{work}/catalog.db", warehouse=f"file://{work}/warehouse")
catalog.create_namespace("lms")
users = pa.table({"user_id": ["u-1"], "block": ["North"], "district": ["Pune"]})

def read_after(what, *changes):
    table = catalog.create_table(f"lms.{what.split()[0].strip(',')}", schema=users.schema)
    table.append(users)
    for change in changes:
        with table.update_schema() as update:
            change(update)
    by_ids = table.refresh().scan().to_arrow().to_pylist()[0]
    output = subprocess.run(["node", "read.mjs", table.metadata_location], check=True, capture_output=True, text=True).stdout
    by_names = json.loads(output)[0]
    print(f"{what}: pyiceberg {by_ids}, icebird {by_names}")
    return by_ids, by_names

renamed = read_after("renamed", lambda update: update.rename_column("user_id", "learner_id"))
swapped = read_after(
    "swapped",
    lambda update: update.rename_column("block", "other"),
    lambda update: update.rename_column("district", "block"),
    lambda update: update.rename_column("other", "district"),
)
dropped = read_after(
    "dropped, and added anew",
    lambda update: update.delete_column("district"),
    lambda update: update.add_column("district", StringType()),
)
assert renamed[0]["learner_id"] == "u-1" and renamed[1] == {"block": "North", "district": "Pune"}, "the behaviour has changed"
assert [row["block"] for row in swapped] == ["Pune", "North"], "the behaviour has changed"
assert [row["district"] for row in dropped] == [None, "Pune"], "the behaviour has changed"
PYTHON
