#!/usr/bin/env bash
# petl takes None for a value that equals itself and is less than each other. A join by the school gives learners without a school to the
# school without an id, and those with a score below 40 are also those without a score. In SQL, NULL joins and is less than nothing.
#
# Versions: petl 1.7.30 (PyPI), SQLite of Python
# Seen:
#   petl join: [('Ravi', 'not assigned')], sqlite: []
#   petl selectlt 40: ['Ravi', 'Asha'], sqlite: ['Asha']
# For whom: scripts that join and filter exports with petl, or compare its counts with those of reports.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet petl==1.7.30
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sqlite3
import petl

users = [["name", "school_id", "score"], ["Ravi", None, None], ["Asha", 7, 35], ["Meena", 8, 62]]
schools = [["school_id", "school"], [None, "not assigned"], [9, "Anekal"]]
base = sqlite3.connect(":memory:")
for name, [header, *rows] in (("users", users), ("schools", schools)):
    base.execute(f"create table {name} ({', '.join(header)})")
    base.executemany(f"insert into {name} values ({', '.join('?' * len(header))})", rows)

joined = list(petl.data(petl.cut(petl.join(users, schools, key="school_id"), "name", "school")))
joined_in_sql = base.execute("select name, school from users join schools using (school_id)").fetchall()
print(f"petl join: {joined}, sqlite: {joined_in_sql}")
below = list(petl.values(petl.selectlt(users, "score", 40), "name"))
below_in_sql = [name for [name] in base.execute("select name from users where score < 40")]
print(f"petl selectlt 40: {below}, sqlite: {below_in_sql}")
assert joined == [("Ravi", "not assigned")] and joined_in_sql == [], "the behaviour has changed"
assert below == ["Ravi", "Asha"] and below_in_sql == ["Asha"], "the behaviour has changed"
PYTHON
