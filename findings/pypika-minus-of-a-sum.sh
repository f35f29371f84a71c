#!/usr/bin/env bash
# PyPika writes the minus of a sum without parentheses, so that it is that of the first summand alone: -(score + bonus) becomes
# -"score"+"bonus". Sums within products, differences and quotients get their parentheses.
#
# Versions: pypika 0.51.1, duckdb 2.0.1 (PyPI)
# Seen, of score 10 and bonus 3:
#   100-(score+bonus): SELECT 100-("score"+"bonus") FROM "results": 87
#   -(score+bonus): SELECT -"score"+"bonus" FROM "results": -7
#   -(score-bonus): SELECT -"score"-"bonus" FROM "results": -13
# For whom: services that build SQL for rankings or differences to a target.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pypika==0.51.1 duckdb==2.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import duckdb
from pypika import PostgreSQLQuery, Table

database = duckdb.connect()
database.execute("create table results as select 10 as score, 3 as bonus")
results = Table("results")
expected = {
    "100-(score+bonus)": (100 - (results.score + results.bonus), 87),
    "-(score+bonus)": (-(results.score + results.bonus), -7),
    "-(score-bonus)": (-(results.score - results.bonus), -13),
}
for term, (built, answer) in expected.items():
    sql = PostgreSQLQuery.from_(results).select(built).get_sql()
    seen = database.execute(sql).fetchall()[0][0]
    print(f"{term}: {sql}: {seen}")
    assert seen == answer, "the behaviour has changed"
PYTHON
