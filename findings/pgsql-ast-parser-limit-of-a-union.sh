#!/usr/bin/env bash
# SQL that pgsql-ast-parser reads and writes again asks something else: ORDER BY and LIMIT of a UNION go to its last part alone, so the rows
# before are neither sorted nor limited, and the parentheses around a part that is a UNION itself are gone. No warning.
#
# Versions: pgsql-ast-parser 12.0.2 (npm), duckdb 2.0.1 (PyPI)
# Seen:
#   select score from first_year union all select score from second_year order by score limit 1: [10], written again: [50, 10, 30]
#   select 1 union (select 1 union all select 1): [1], written again: [1, 1]
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

database = duckdb.connect()
database.execute("create table first_year as select unnest([50, 10]) as score")
database.execute("create table second_year as select unnest([70, 30]) as score")

def rows(sql):
    return [row[0] for row in database.execute(sql).fetchall()]

expected = {
    "select score from first_year union all select score from second_year order by score limit 1": ([10], [50, 10, 30]),
    "select 1 union (select 1 union all select 1)": ([1], [1, 1]),
}
for sql, seen in expected.items():
    again = subprocess.run(["node", "again.cjs", sql], check=True, capture_output=True, text=True).stdout
    answers = rows(sql), rows(again)
    print(f"{sql}: {answers[0]}, written again: {answers[1]}")
    assert answers == seen, "the behaviour has changed"
PYTHON
