#!/usr/bin/env bash
# DataFusion compares a difference of timestamps with an interval part by part, days before hours, and has the difference in hours alone:
# whoever took 28 days did not take more than 7. Intervals compare so among themselves too: 45 days are less than a month. Adding the
# interval to the earlier time, or naming it in hours, is right.
#
# Versions: datafusion 55.0.0, pyarrow 26.0.1, psycopg 3.3.9, PostgreSQL 16.2 (pgserver 0.1.4) (PyPI)
# Seen:
#   completed - enrolled > interval '7 days': DataFusion False, PostgreSQL True
#   completed - enrolled > interval '168 hours': DataFusion True, PostgreSQL True
#   completed > enrolled + interval '7 days': DataFusion True, PostgreSQL True
#   interval '45 days' > interval '1 month': DataFusion False, PostgreSQL True
# For whom: queries on DataFusion for learners who took longer than a number of days, of which there are none.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datafusion==55.0.0 pyarrow==26.0.1 pgserver==0.1.4 'psycopg[binary]==3.3.9'
"$work/venv/bin/python" -W ignore - "$work/data" <<'PYTHON'
import sys
import datafusion, pgserver, psycopg

CONDITIONS = [
    "completed - enrolled > interval '7 days'",
    "completed - enrolled > interval '168 hours'",
    "completed > enrolled + interval '7 days'",
    "interval '45 days' > interval '1 month'",
]
ROWS = "(values (timestamp '2026-11-01 00:00:00', timestamp '2026-11-29 10:00:00')) as progress(enrolled, completed)"
server = pgserver.get_server(sys.argv[1])
answers = []
with psycopg.connect(server.get_uri()) as connection:
    for condition in CONDITIONS:
        sql = f"select {condition} as answer from {ROWS}"
        engine = datafusion.SessionContext().sql(sql).to_pylist()[0]["answer"]
        postgres = connection.execute(sql).fetchone()[0]
        print(f"{condition}: DataFusion {engine}, PostgreSQL {postgres}")
        answers.append((engine, postgres))
server.cleanup()
assert answers == [(False, True), (True, True), (True, True), (False, True)], "the behaviour has changed"
PYTHON
