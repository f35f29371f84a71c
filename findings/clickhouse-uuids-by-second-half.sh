#!/usr/bin/env bash
# ClickHouse compares and sorts UUIDs by their second half first. A file that it wrote "order by user_id" is not in the order of the
# ids' text, which other tools and a CSV file have, and a range of ids holds other users than the same range in DuckDB.
#
# Versions: chdb 4.4.0 (ClickHouse 26.9.2), duckdb 2.0.1 (PyPI)
# Seen:
#   order in clickhouse: ffffffff-0000-4000-8000-000000000001 00000000-0000-4000-8000-0000000000ff
#   order in duckdb: 00000000-0000-4000-8000-0000000000ff ffffffff-0000-4000-8000-000000000001
#   below 80000000-0000-4000-8000-000000000000: clickhouse 0, duckdb 1
# For whom: work that is split into ranges of UUIDs, half of it by ClickHouse; merges of files that are said to be sorted.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet chdb==4.4.0 duckdb==2.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import duckdb
from chdb import session

clickhouse = session.Session()
ids = ["00000000-0000-4000-8000-0000000000ff", "ffffffff-0000-4000-8000-000000000001"]
clickhouse.query("create table users (user_id UUID) engine = Memory")
clickhouse.query(f"insert into users values ('{ids[0]}'), ('{ids[1]}')")
clickhouse.query("insert into function file('users.parquet', Parquet) select user_id from users order by user_id")
written = [row[0] for row in duckdb.sql("select cast(user_id as varchar) from 'users.parquet'").fetchall()]
sorted_by_duckdb = [row[0] for row in duckdb.sql("select cast(user_id as varchar) from 'users.parquet' order by user_id").fetchall()]
middle = "80000000-0000-4000-8000-000000000000"
below = (int(str(clickhouse.query(f"select count() from file('users.parquet') where user_id < toUUID('{middle}')"))), duckdb.sql(f"select count(*) from 'users.parquet' where user_id < '{middle}'").fetchall()[0][0])
print("order in clickhouse:", *written)
print("order in duckdb:", *sorted_by_duckdb)
print(f"below {middle}: clickhouse {below[0]}, duckdb {below[1]}")
clickhouse.close()
assert written == ids[::-1] and sorted_by_duckdb == ids and below == (0, 1), "the behaviour has changed"
PYTHON
