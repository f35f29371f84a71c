#!/usr/bin/env bash
# sqlglot writes ClickHouse's narrow types for PostgreSQL's: Date, from 1970 to 2149, for date, and DateTime, to 2106 and in whole seconds,
# for timestamp. ClickHouse takes the nearest that there is: who was born in 1965 was born on 1970-01-01, and what never ends has an end.
#
# Versions: sqlglot 30.30.0, chdb 4.4.0 (ClickHouse 26.9, PyPI)
# Seen:
#   CAST('1965-05-01' AS Nullable(DATE)) -> 1970-01-01
#   CAST('9999-12-31' AS Nullable(DATE)) -> 2149-06-06
#   CAST('9999-12-31 00:00:00' AS Nullable(DateTime)) -> 2106-02-07 06:28:15
#   CAST('2026-11-29 10:00:00.75' AS Nullable(DateTime)) -> 2026-11-29 10:00:00
# For whom: sites that move SQL on dates of birth, retirement or validity, or on events within a second, to ClickHouse.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet sqlglot==30.30.0 chdb==4.4.0
cd "$work"
TZ=UTC "$work/venv/bin/python" - <<'PYTHON'
import chdb, sqlglot

def answer(expression):
    [moved] = sqlglot.transpile(f"select {expression}", read="postgres", write="clickhouse", unsupported_level=sqlglot.ErrorLevel.RAISE)
    value = str(chdb.query(moved, "TSV")).strip()
    print(f"{moved.removeprefix('SELECT ')} -> {value}")
    return value

assert answer("'1965-05-01'::date") == "1970-01-01", "the behaviour has changed"
assert answer("'9999-12-31'::date") == "2149-06-06", "the behaviour has changed"
assert answer("'9999-12-31 00:00:00'::timestamp") == "2106-02-07 06:28:15", "the behaviour has changed"
assert answer("'2026-11-29 10:00:00.75'::timestamp") == "2026-11-29 10:00:00", "the behaviour has changed"
PYTHON
