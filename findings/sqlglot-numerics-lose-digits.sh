#!/usr/bin/env bash
# PostgreSQL's numeric without a precision has all digits. sqlglot writes DECIMAL for it: three digits after the point in DuckDB, none in
# ClickHouse. A third of a point is 0.333, four of 10,000 learners are 0, and in ClickHouse each share is 0 or a whole number.
#
# Versions: sqlglot 30.30.0, duckdb 2.0.1, chdb 4.4.0 (PyPI)
# Seen:
#   duckdb: CAST('0.66666' AS DECIMAL) -> 0.667
#   duckdb: SUM(CAST(share AS DECIMAL)) -> 0.000
#   clickhouse: CAST('0.66666' AS Nullable(Decimal)) -> 0
#   clickhouse: SUM(CAST(share AS Nullable(Decimal))) -> 0
# PostgreSQL: 0.66666, and 0.0008 for the sum of two shares of 0.0004.
# For whom: sites that move SQL with `::numeric`, which round() and exact shares need in PostgreSQL, to DuckDB or ClickHouse.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet sqlglot==30.30.0 duckdb==2.0.1 chdb==4.4.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import chdb, duckdb, sqlglot

engines = {
    "duckdb": lambda query: str(duckdb.sql(query).fetchall()[0][0]),
    "clickhouse": lambda query: str(chdb.query(query, "TSV")).strip(),
}

def answer(engine, expression):
    query = f"select {expression} from (select 0.0004 as share union all select 0.0004) as shares"
    [moved] = sqlglot.transpile(query, read="postgres", write=engine, unsupported_level=sqlglot.ErrorLevel.RAISE)
    value = engines[engine](moved)
    print(f"{engine}: {moved.removeprefix('SELECT ').split(' FROM ')[0]} -> {value}")
    return value

literal, total = "max('0.66666'::numeric)", "sum(share::numeric)"
seen = [answer(engine, expression) for engine in engines for expression in (literal, total)]
assert seen == ["0.667", "0.000", "0", "0"], "the behaviour has changed"
PYTHON
