#!/usr/bin/env bash
# PyGreSQL takes the digits after the point of an interval's seconds for a number of microseconds, whatever their count. Half a second is 5
# microseconds, a quarter 25; only with six digits it is right. Timestamps and times of day are read rightly, so that the difference of two
# timestamps is another one in PostgreSQL than in Python.
#
# Versions: PyGreSQL 6.2.3, PostgreSQL 16.2 (pgserver 0.1.4, PyPI). PyGreSQL is built: a C compiler and libpq are needed.
# Seen:
#   00:00:00.5: 5e-06 seconds
#   00:00:00.25: 2.5e-05 seconds
#   00:00:00.123456: 0.123456 seconds
#   average of 1 and 2 seconds, 00:00:01.5: 1.000005 seconds
#   10:00:00.5 less 10:00:00: 5e-06 seconds, by Python 0.5
# For whom: scripts in Python that read durations: of deliveries, of sessions, averages of any interval.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pgserver==0.1.4 PyGreSQL==6.2.3
"$work/venv/bin/python" -W ignore - "$work/data" <<'PYTHON'
import sys
import pgdb, pgserver

server = pgserver.get_server(sys.argv[1])
connection = pgdb.connect(database="postgres", host=sys.argv[1], user="postgres")
cursor = connection.cursor()


def row(question):
    cursor.execute(f"select {question}")
    return list(cursor.fetchone())


seen = {}
for words in ("00:00:00.5", "00:00:00.25", "00:00:00.123456"):
    seen[words] = row(f"interval '{words}'")[0].total_seconds()
    print(f"{words}: {seen[words]:g} seconds")
average, words = row("avg(x), avg(x)::text from (values (interval '1 second'), ('2 seconds')) as took (x)")
print(f"average of 1 and 2 seconds, {words}: {average.total_seconds()} seconds")
begin, end, took = row("b, e, e - b from (select timestamp '2026-11-29 10:00:00' as b, timestamp '2026-11-29 10:00:00.5' as e) as session")
print(f"10:00:00.5 less 10:00:00: {took.total_seconds():g} seconds, by Python {(end - begin).total_seconds()}")
connection.close()
server.cleanup()
assert seen == {"00:00:00.5": 5e-06, "00:00:00.25": 2.5e-05, "00:00:00.123456": 0.123456}, "the behaviour has changed"
assert (average.total_seconds(), words) == (1.000005, "00:00:01.5"), "the behaviour has changed"
assert (took.total_seconds(), (end - begin).total_seconds()) == (5e-06, 0.5), "the behaviour has changed"
PYTHON
