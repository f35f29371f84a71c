#!/usr/bin/env bash
# py-postgresql turns the sign of the zone round when it reads a time of day with a zone: half past nine in India (+05:30) becomes half past
# nine at -05:30, eleven hours later. Given back as a parameter, the value is the first one again, so that a round trip hides it.
# Timestamps with a zone are right. psycopg reads both rightly.
#
# Versions: py-postgresql 1.3.1, psycopg 3.3.9, PostgreSQL 16.2 (pgserver 0.1.4, PyPI)
# Seen:
#   PostgreSQL 09:30:00+05:30; psycopg 09:30:00+05:30; py-postgresql 09:30:00-05:30, given back 09:30:00+05:30
#   of one moment, in UTC: PostgreSQL 04:00; psycopg 04:00; py-postgresql 15:00
# For whom: timetables of batches that are kept as times with a zone and shown in another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pgserver==0.1.4 py-postgresql==1.3.1 'psycopg[binary]==3.3.9'
"$work/venv/bin/python" -W ignore - "$work/data" <<'PYTHON'
import datetime, sys
import pgserver, postgresql, psycopg

server = pgserver.get_server(sys.argv[1])
question = "select timetz '09:30+05:30', timetz '09:30+05:30'::text, (timetz '09:30+05:30' at time zone 'UTC')::text"
with psycopg.connect(server.get_uri()) as connection:
    by_psycopg, words, in_utc = connection.execute(question).fetchone()
database = postgresql.open(unix=f"{sys.argv[1]}/.s.PGSQL.5432", user="postgres", database="postgres")
ours = database.prepare(question).first()[0]
back = database.prepare("select $1::timetz::text").first(ours)
database.close()
server.cleanup()


def utc(time):
    moment = datetime.datetime.combine(datetime.date(2026, 11, 29), time)
    return f"{moment.astimezone(datetime.timezone.utc):%H:%M}"


print(f"PostgreSQL {words}; psycopg {by_psycopg}; py-postgresql {ours}, given back {back}")
print(f"of one moment, in UTC: PostgreSQL {in_utc[:5]}; psycopg {utc(by_psycopg)}; py-postgresql {utc(ours)}")
assert (words, str(by_psycopg), in_utc[:5], utc(by_psycopg)) == ("09:30:00+05:30", "09:30:00+05:30", "04:00", "04:00")
assert (str(ours), back, utc(ours)) == ("09:30:00-05:30", "09:30:00+05:30", "15:00"), "the behaviour has changed"
PYTHON
