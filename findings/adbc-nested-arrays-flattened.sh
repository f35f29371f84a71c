#!/usr/bin/env bash
# A PostgreSQL array of two dimensions, such as the mentors of each group of a batch, arrives from ADBC as one list: which item is of
# which group is lost without a word. psycopg gives the lists within the list.
#
# Versions: adbc-driver-postgresql 1.13.0, pyarrow 26.0.1, psycopg 3.3.9, PostgreSQL 16.2 (pgserver 0.1.4, PyPI)
# Seen:
#   psycopg: [['u1', 'u2'], ['u3', 'u4']]
#   adbc: ['u1', 'u2', 'u3', 'u4']
# For whom: tables of groups that are taken from PostgreSQL to Arrow or Parquet.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pgserver==0.1.4 adbc-driver-postgresql==1.13.0 pyarrow==26.0.1 'psycopg[binary]==3.3.9'
"$work/venv/bin/python" -W ignore - "$work/data" <<'PYTHON'
import sys
import adbc_driver_postgresql.dbapi, pgserver, psycopg

MENTORS = "select array[array['u1', 'u2'], array['u3', 'u4']] as mentors"
server = pgserver.get_server(sys.argv[1])
with psycopg.connect(server.get_uri()) as connection:
    nested = connection.execute(MENTORS).fetchone()[0]
with adbc_driver_postgresql.dbapi.connect(server.get_uri()) as connection, connection.cursor() as cursor:
    cursor.execute(MENTORS)
    flat = cursor.fetch_arrow_table()["mentors"][0].as_py()
server.cleanup()
print("psycopg:", nested)
print("adbc:", flat)
assert nested == [["u1", "u2"], ["u3", "u4"]] and flat == ["u1", "u2", "u3", "u4"], "the behaviour has changed"
PYTHON
