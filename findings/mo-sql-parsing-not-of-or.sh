#!/usr/bin/env bash
# SQL that mo-sql-parsing reads and formats again asks something else: not (A or B) loses its parentheses and becomes (not A) or B, NULLS FIRST
# is gone, and || becomes CONCAT, which takes a missing value for a blank where || gives NULL.
#
# Versions: mo-sql-parsing 11.699.26234, mo-parsing 9.3.26234, duckdb 2.0.1 (PyPI)
# Seen:
#   count(*) where not (score > 50 or block = 'A'): (1,), formatted again: (3,)
#   order by score nulls first: (None, 10, 70), formatted again: (10, 70, None)
#   'TN-' || null is null: (True,), formatted again: (False,)
# For whom: tools that parse the SQL of dashboards in order to change a table's name or to add a condition.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet mo-sql-parsing==11.699.26234 mo-parsing==9.3.26234 duckdb==2.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import duckdb
from mo_sql_parsing import format, parse

database = duckdb.connect()
database.execute("create table learners as select * from (values (70, 'A'), (10, 'A'), (20, 'B')) as t(score, block)")
database.execute("create table scores as select * from (values (70), (10), (null)) as t(score)")

def asked(what, sql, expected):
    answers = tuple(tuple(row[0] for row in database.execute(text).fetchall()) for text in (sql, format(parse(sql))))
    print(f"{what}: {answers[0]}, formatted again: {answers[1]}")
    assert answers == expected, "the behaviour has changed"

asked("count(*) where not (score > 50 or block = 'A')",
      "select count(*) from learners where not (score > 50 or block = 'A')", ((1,), (3,)))
asked("order by score nulls first", "select score from scores order by score nulls first", ((None, 10, 70), (10, 70, None)))
asked("'TN-' || null is null", "select ('TN-' || null) is null", ((True,), (False,)))
PYTHON
