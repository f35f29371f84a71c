#!/usr/bin/env bash
# The difference of two dates in Daft is as many seconds as there are days between them: 332 days are 5 minutes and 32 seconds, in SQL and
# in Python. Between timestamps it is right.
#
# Versions: daft 0.7.26 (PyPI), Python 3.11
# Seen, from 2026-01-01 to 2026-11-29:
#   dates, in SQL: 0:05:32
#   dates, in Python: 0:05:32
#   timestamps, in SQL: 332 days, 0:00:00
# For whom: days from enrolment to completion, counted with Daft: each is below any limit of days.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet daft==0.7.26
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from datetime import date, datetime, timedelta
import daft

dates = daft.from_pydict({"enrolled": [date(2026, 1, 1)], "completed": [date(2026, 11, 29)]})
times = daft.from_pydict({"enrolled": [datetime(2026, 1, 1)], "completed": [datetime(2026, 11, 29)]})

def difference(what, rows):
    [value] = rows.to_pydict()["taken"]
    print(f"{what}: {value}")
    return value

in_sql = difference("dates, in SQL", daft.sql("select completed - enrolled as taken from dates"))
in_python = difference("dates, in Python", dates.select((daft.col("completed") - daft.col("enrolled")).alias("taken")))
of_times = difference("timestamps, in SQL", daft.sql("select completed - enrolled as taken from times"))
assert in_sql == in_python == timedelta(seconds=332), "the behaviour has changed"
assert of_times == timedelta(days=332), "the behaviour has changed"
PYTHON
