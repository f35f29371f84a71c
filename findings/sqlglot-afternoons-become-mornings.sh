#!/usr/bin/env bash
# sqlglot makes DuckDB's patterns of PostgreSQL's, but does not know AM and PM: they stay as letters. Half past three in the afternoon is
# printed as 03:30 AM, and a text of 03:30 PM is read as half past three in the morning. No warning, also with unsupported_level=RAISE.
#
# Versions: sqlglot 30.30.0, duckdb 2.0.1 (PyPI)
# Seen:
#   printed: STRFTIME(CAST('2026-11-29 15:30' AS TIMESTAMP), '%d/%m/%Y %I:%M AM') -> 29/11/2026 03:30 AM
#   read: STRPTIME('29/11/2026 03:30 PM', '%d/%m/%Y %I:%M PM') -> 2026-11-29 03:30:00
# PostgreSQL prints 29/11/2026 03:30 PM, and reads 15:30.
# For whom: sites that move the queries of reports from PostgreSQL, or Pragati's endpoint, to DuckDB: times of events half a day early.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet sqlglot==30.30.0 duckdb==2.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datetime
import duckdb, sqlglot

def answer(what, expression):
    [moved] = sqlglot.transpile(f"select {expression}", read="postgres", write="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    [[value]] = duckdb.sql(moved).fetchall()
    print(f"{what}: {moved.removeprefix('SELECT ')} -> {value}")
    return value

printed = answer("printed", "to_char(timestamp '2026-11-29 15:30', 'DD/MM/YYYY HH12:MI AM')")
read = answer("read", "to_timestamp('29/11/2026 03:30 PM', 'DD/MM/YYYY HH12:MI PM')")
assert printed == "29/11/2026 03:30 AM", "the behaviour has changed"
assert read == datetime.datetime(2026, 11, 29, 3, 30), "the behaviour has changed"
PYTHON
