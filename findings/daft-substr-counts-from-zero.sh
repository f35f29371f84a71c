#!/usr/bin/env bash
# In Daft's SQL, substring(text, 1, 2) is the first two letters, and substr(text, 1, 2) the second and third. Both are NULL for a blank
# text, which joins the rows without one.
#
# Versions: daft 0.7.26, duckdb 2.0.1 (PyPI)
# Seen, for the codes '2904', '' and NULL:
#   daft substring: ['29', None, None], substr: ['90', None, None]
#   duckdb substring: ['29', '', None], substr: ['29', '', None]
# For whom: sites that take states or districts from the first digits of school codes with SQL that works elsewhere.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet daft==0.7.26 duckdb==2.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import daft, duckdb

schools = daft.from_pydict({"code": ["2904", "", None]})

def in_daft(function):
    return daft.sql(f"select {function}(code, 1, 2) as state from schools").to_pydict()["state"]

def in_duckdb(function):
    rows = duckdb.sql(f"select {function}(code, 1, 2) from (values (1, '2904'), (2, ''), (3, null)) as schools(row, code) order by row")
    return [state for [state] in rows.fetchall()]

seen = {}
for engine, states in (("daft", in_daft), ("duckdb", in_duckdb)):
    seen[engine] = states("substring"), states("substr")
    print(f"{engine} substring: {seen[engine][0]}, substr: {seen[engine][1]}")
assert seen["daft"] == (["29", None, None], ["90", None, None]), "the behaviour has changed"
assert seen["duckdb"] == (["29", "", None],) * 2, "the behaviour has changed"
PYTHON
