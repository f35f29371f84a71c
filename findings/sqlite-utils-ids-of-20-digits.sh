#!/usr/bin/env bash
# sqlite-utils looks at every value of a CSV file to choose the types of columns, since its release 4.0 without being asked. A column of
# whole numbers becomes INTEGER, also where they begin with zeros or a plus. Numbers of 20 digits do not fit SQLite's integers: it stores
# them as floating point, 16 digits of them, so that two ids become one value. --no-detect-types keeps the texts.
#
# Versions: sqlite-utils 4.2.1 (PyPI)
# Seen:
#   as is: [(12345, 919812345678), (1.325000048904434e+19, 919812345679), (1.325000048904434e+19, 919812345670)], 2 of 3 ids differ
#   --no-detect-types: [('0012345', '+919812345678'), ('13250000489044340761', '+919812345679'), ('13250000489044340762', '+919812345670')], 3 of 3 ids differ
# For whom: who puts CSV reports into SQLite or Datasette to ask and join them by external id or mobile number.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet sqlite-utils==4.2.1
cd "$work"
printf '%s\r\n' 'External ID,Mobile' 0012345,+919812345678 13250000489044340761,+919812345679 13250000489044340762,+919812345670 >report.csv
venv/bin/sqlite-utils insert reports.db detected report.csv --csv --silent
venv/bin/sqlite-utils insert reports.db kept report.csv --csv --silent --no-detect-types
venv/bin/python - <<'PYTHON'
import sqlite3

database = sqlite3.connect("reports.db")
seen = {}
for name, table in (("as is", "detected"), ("--no-detect-types", "kept")):
    rows = database.execute(f'select "External ID", "Mobile" from {table} order by rowid').fetchall()
    ids = database.execute(f'select count(distinct "External ID") from {table}').fetchone()[0]
    print(f"{name}: {rows}, {ids} of 3 ids differ")
    seen[name] = (rows, ids)
mobiles = [919812345678, 919812345679, 919812345670]
float_id = 1.325000048904434e19
assert seen["as is"] == (list(zip([12345, float_id, float_id], mobiles)), 2), "the behaviour has changed"
texts = ["0012345", "13250000489044340761", "13250000489044340762"]
assert seen["--no-detect-types"] == (list(zip(texts, (f"+{mobile}" for mobile in mobiles))), 3), "the behaviour has changed"
PYTHON
