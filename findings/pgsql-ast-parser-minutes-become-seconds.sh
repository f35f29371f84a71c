#!/usr/bin/env bash
# pgsql-ast-parser takes the unit of interval '30' minute for a name: written again, the interval is 30 seconds, in a column that is called
# minute. 1e3 is 1, in a column called e3. Numbers of more than 16 digits, as ids have them, come out with other last digits.
#
# Versions: pgsql-ast-parser 12.0.2 (npm), duckdb 2.0.1 (PyPI)
# Seen:
#   select timestamp '2026-11-29 10:00:00' - interval '30' minute: 2026-11-29 09:30:00, written again: 2026-11-29 09:59:30
#   select 1e3: 1000.0, written again: 1
#   select 12345678901234567890: 12345678901234567890, written again: 12345678901234567000
# For whom: services that parse the SQL of their users to add a condition, such as the tenant, and send on what is written again.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb==2.0.1
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund pgsql-ast-parser@12.0.2
cat >again.cjs <<'NODE'
const { parseFirst, toSql } = require('pgsql-ast-parser')
console.log(toSql.statement(parseFirst(process.argv[2])))
NODE
"$work/venv/bin/python" - <<'PYTHON'
import subprocess
import duckdb

def value(sql):
    return str(duckdb.connect().execute(sql).fetchone()[0])

expected = {
    "select timestamp '2026-11-29 10:00:00' - interval '30' minute": ("2026-11-29 09:30:00", "2026-11-29 09:59:30"),
    "select 1e3": ("1000.0", "1"),
    "select 12345678901234567890": ("12345678901234567890", "12345678901234567000"),
}
for sql, seen in expected.items():
    again = subprocess.run(["node", "again.cjs", sql], check=True, capture_output=True, text=True).stdout
    answers = value(sql), value(again)
    print(f"{sql}: {answers[0]}, written again: {answers[1]}")
    assert answers == seen, "the behaviour has changed"
PYTHON
