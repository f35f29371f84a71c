#!/usr/bin/env bash
# PostgreSQL's `->>` is NULL for a key that is missing or null. sqlglot writes JSONExtractString for it, which is blank then: counts of
# the values count every row, IS NULL finds none, and coalesce never takes its second value.
#
# Versions: sqlglot 30.30.0, chdb 4.4.0 (ClickHouse 26.9, PyPI)
# Seen, for the rows {"batch": "b-1"}, {"batch": null}, {}:
#   COUNT(JSONExtractString(edata, 'batch')) -> 3
#   COUNT(*) FILTER(WHERE JSONExtractString(edata, 'batch') IS NULL) -> 0
#   MIN(COALESCE(JSONExtractString(edata, 'batch'), 'none')) -> blank
# PostgreSQL: 1, 2 and b-1.
# For whom: sites that move SQL on telemetry, kept as JSON text, to ClickHouse: events without a batch count as events of one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet sqlglot==30.30.0 chdb==4.4.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import chdb, sqlglot

events = """(select '{"batch": "b-1"}' as edata union all select '{"batch": null}' union all select '{}') as events"""

def answer(expression):
    query = f"select {expression} from {events}"
    [moved] = sqlglot.transpile(query, read="postgres", write="clickhouse", unsupported_level=sqlglot.ErrorLevel.RAISE)
    value = str(chdb.query(moved, "TSV")).strip()
    print(f"{moved.removeprefix('SELECT ').split(' FROM ')[0]} -> {value or 'blank'}")
    return value

assert answer("count(edata ->> 'batch')") == "3", "the behaviour has changed"
assert answer("count(*) filter (where edata ->> 'batch' is null)") == "0", "the behaviour has changed"
assert answer("min(coalesce(edata ->> 'batch', 'none'))") == "", "the behaviour has changed"
PYTHON
