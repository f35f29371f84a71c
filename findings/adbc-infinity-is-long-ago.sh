#!/usr/bin/env bash
# PostgreSQL's 'infinity', the usual end date of what has no end, read by ADBC lies before everything else: the date wraps round to
# some 5,879,000 years before 1970 and the timestamp to 292,000 years before. So "has not ended yet" is false for exactly these rows.
# The date even lies before '-infinity', which comes right.
#
# Versions: adbc-driver-postgresql 1.13.0, pyarrow 26.0.1, PostgreSQL 16.2 (pgserver 0.1.4, PyPI)
# Seen:
#   PostgreSQL: ends after today: True True
#   ADBC: days -2147472692, microseconds -9222425352054775809; ends after today: False False
#   ADBC: infinity before -infinity: True
# For whom: batches of a PostgreSQL database that are taken to Parquet by ADBC (pandas, Polars and DuckDB use it).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pgserver==0.1.4 adbc-driver-postgresql==1.13.0 pyarrow==26.0.1
"$work/venv/bin/python" -W ignore - "$work/data" <<'PYTHON'
import datetime, sys
import adbc_driver_postgresql.dbapi, pgserver, pyarrow as pa, pyarrow.compute as pc

server = pgserver.get_server(sys.argv[1])
with adbc_driver_postgresql.dbapi.connect(server.get_uri()) as connection, connection.cursor() as cursor:
    cursor.execute("select e, t, '-infinity'::date as past, e > '2026-11-29' as later, t > '2026-11-29' as later_too from (select 'infinity'::date as e, 'infinity'::timestamp as t) as batch")
    rows = cursor.fetch_arrow_table()
server.cleanup()
print("PostgreSQL: ends after today:", *rows["later"].to_pylist(), *rows["later_too"].to_pylist())
days, micros = rows["e"].cast(pa.int32())[0].as_py(), rows["t"].cast(pa.int64())[0].as_py()
after = [pc.greater(rows["e"], pa.scalar(datetime.date(2026, 11, 29)))[0].as_py(), pc.greater(rows["t"], pa.scalar(datetime.datetime(2026, 11, 29), rows["t"].type))[0].as_py()]
print(f"ADBC: days {days}, microseconds {micros}; ends after today:", *after)
before = days < rows["past"].cast(pa.int32())[0].as_py()
print("ADBC: infinity before -infinity:", before)
assert (days, micros, after, before) == (-2147472692, -9222425352054775809, [False, False], True), "the behaviour has changed"
PYTHON
