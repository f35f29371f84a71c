#!/usr/bin/env bash
# to_char of DataFusion takes strftime patterns. A pattern of PostgreSQL's is no error: every row gets the pattern itself, so that a
# dashboard which groups by month has one group, named YYYY-MM.
#
# Versions: datafusion 55.0.0, psycopg 3.3.9, PostgreSQL 16.2 (pgserver 0.1.4) (PyPI)
# Seen:
#   PostgreSQL: [('2026-10', 1), ('2026-11', 2)]
#   DataFusion: [('YYYY-MM', 3)]
# For whom: queries that a tool for PostgreSQL makes, sent to an engine on DataFusion.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datafusion==55.0.0 pgserver==0.1.4 'psycopg[binary]==3.3.9'
"$work/venv/bin/python" -W ignore - "$work/data" <<'PYTHON'
import sys
import datafusion, pgserver, psycopg

BY_MONTH = """select to_char(enrolled, 'YYYY-MM') as month, count(*) as enrolments
    from (values (date '2026-10-01'), (date '2026-11-02'), (date '2026-11-03')) as enrolments(enrolled)
    group by to_char(enrolled, 'YYYY-MM') order by month"""
server = pgserver.get_server(sys.argv[1])
with psycopg.connect(server.get_uri()) as connection:
    postgres = connection.execute(BY_MONTH).fetchall()
server.cleanup()
answer = datafusion.SessionContext().sql(BY_MONTH).to_pylist()
engine = [(row["month"], row["enrolments"]) for row in answer]
print("PostgreSQL:", postgres)
print("DataFusion:", engine)
assert postgres == [("2026-10", 1), ("2026-11", 2)] and engine == [("YYYY-MM", 3)], "the behaviour has changed"
PYTHON
