#!/usr/bin/env bash
# psqlpy makes months of 30 days and years of 360 out of intervals, so that a year added in Python ends five days before the database's. The end
# of a day, 24:00, becomes its begin, money loses its point, and a numeric all digits after the 29th. Nothing says so.
#
# Versions: psqlpy 0.13.1, PostgreSQL 16.2 (pgserver 0.1.4, PyPI)
# Seen:
#   interval '1 year': 360 days, 0:00:00; time '24:00': 00:00:00; money '12.50': 1250
#   1234567890123456789012345.123456789: 1234567890123456789012345.1235
#   date '2026-01-01' plus a year: 2026-12-27 in Python, 2027-01-01 in PostgreSQL
# For whom: services in Python that read the terms of courses and the hours of batches from a database, or count days by intervals.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pgserver==0.1.4 psqlpy==0.13.1
"$work/venv/bin/python" -W ignore - "$work/data" <<'PYTHON'
import asyncio, datetime, sys
import pgserver
from psqlpy import ConnectionPool


async def values(folder):
    pool = ConnectionPool(username="postgres", host=folder, db_name="postgres", max_db_pool_size=2)
    connection = await pool.connection()
    answer = await connection.fetch("""
        select interval '1 year' as term, time '24:00' as closes, money '12.50' as fee,
            1234567890123456789012345.123456789 as score,
            (date '2026-01-01' + interval '1 year')::date as ends""")
    return answer.result()[0]


server = pgserver.get_server(sys.argv[1])
row = asyncio.run(values(sys.argv[1]))
server.cleanup()
ends = datetime.date(2026, 1, 1) + row["term"]
print(f"interval '1 year': {row['term']}; time '24:00': {row['closes']}; money '12.50': {row['fee']}")
print(f"1234567890123456789012345.123456789: {row['score']}")
print(f"date '2026-01-01' plus a year: {ends} in Python, {row['ends']} in PostgreSQL")
assert (row["term"], row["closes"], row["fee"]) == (datetime.timedelta(360), datetime.time(0), 1250), "the behaviour has changed"
assert str(row["score"]) == "1234567890123456789012345.1235", "the behaviour has changed"
assert (ends, row["ends"]) == (datetime.date(2026, 12, 27), datetime.date(2027, 1, 1)), "the behaviour has changed"
PYTHON
