#!/usr/bin/env bash
# pg8000 makes Python values of the rows while the answer arrives. Where a value is one that it cannot convert, such as the
# time 24:00 (a batch that runs until the end of the day) or an array that does not begin at 1, it raises an error, and leaves the rest of
# the answer unread. The connection stays usable, and one behind: the next statement gives nothing, and each after it the rows of the one
# before. Nothing says so. Who catches the error, or gives the connection back to a pool, reads other questions' answers from then on.
#
# Versions: pg8000 1.31.6, PostgreSQL 16.2 (pgserver 0.1.4, PyPI)
# Seen, for both of the values:
#   ValueError; then select 1: None, select 2: [[1]], select 3: [[2]]
# For whom: services and notebooks in Python that ask a database of batches by pg8000 (SQLAlchemy's postgresql+pg8000, Cloud SQL's connector).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pgserver==0.1.4 pg8000==1.31.6
"$work/venv/bin/python" -W ignore - "$work/data" <<'PYTHON'
import sys
import pg8000.native, pgserver

server = pgserver.get_server(sys.argv[1])
for value in ("time '24:00'", "'[2:3]={1,2}'::int[]"):
    connection = pg8000.native.Connection("postgres", unix_sock=f"{sys.argv[1]}/.s.PGSQL.5432", database="postgres")
    try:
        raised = connection.run(f"select {value}")
    except ValueError as error:
        raised = type(error).__name__
    answers = [connection.run(f"select {number}") for number in (1, 2, 3)]
    connection.close()
    print(f"{value}: {raised}; then select 1: {answers[0]}, select 2: {answers[1]}, select 3: {answers[2]}")
    assert (raised, answers) == ("ValueError", [None, [[1]], [[2]]]), "the behaviour has changed"
server.cleanup()
PYTHON
