#!/usr/bin/env bash
# DataFusion takes the types of newline JSON from its first 1,000 lines. Where these hold whole numbers, a fraction further down is cut
# off and a text of digits is a number, in silence; where the first lines hold a fraction, the same value is whole. Other texts are errors.
#
# Versions: datafusion 55.0.0, pyarrow 26.0.1, duckdb 2.0.1 (PyPI)
# Seen:
#   DataFusion, below 1,000 whole numbers: 62.75 -> 62, "0099" -> 99
#   DataFusion, below a fraction: 62.75 -> 62.75
#   DuckDB, below 1,000 whole numbers: 62.75 -> 62.75
# For whom: sites that query exports or telemetry in newline JSON, of which few lines hold a fraction.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datafusion==55.0.0 pyarrow==26.0.1 duckdb==2.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import duckdb
from datafusion import SessionContext

def last(first, value):
    lines = [first] * 1000 + [f'{{"percent": {value}}}']
    with open("progress.json", "w") as file:
        file.write("\n".join(lines) + "\n")
    context = SessionContext()
    context.register_json("progress", "progress.json")
    return context.sql("select percent from progress").to_pylist()[-1]["percent"]

text, whole = last('{"percent": 50}', '"0099"'), last('{"percent": 50.0}', "62.75")
cut = last('{"percent": 50}', "62.75")
in_duckdb = duckdb.sql("select percent from 'progress.json'").fetchall()[-1][0]
print(f'DataFusion, below 1,000 whole numbers: 62.75 -> {cut}, "0099" -> {text}')
print("DataFusion, below a fraction: 62.75 ->", whole)
print("DuckDB, below 1,000 whole numbers: 62.75 ->", in_duckdb)
assert (cut, text, whole, in_duckdb) == (62, 99, 62.75, 62.75), "the behaviour has changed"
PYTHON
