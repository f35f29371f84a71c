#!/usr/bin/env bash
# A column of times of day in a spreadsheet, read by Polars, becomes datetimes of 1899-12-31; where all of them are midnight, it
# becomes dates, without a time. pandas reads the same file by the same library, calamine, as times.
#
# Versions: polars 2.1.0, fastexcel 0.21.0, pandas 3.1.1, python-calamine 0.9.1, openpyxl 3.1.5 (PyPI)
# Seen:
#   starts: polars [datetime.datetime(1899, 12, 31, 9, 30), datetime.datetime(1899, 12, 31, 0, 0)], pandas [datetime.time(9, 30), datetime.time(0, 0)]
#   ends: polars [datetime.date(1899, 12, 31), datetime.date(1899, 12, 31)], pandas [datetime.time(0, 0), datetime.time(0, 0)]
# For whom: timetables of batches that are kept in spreadsheets and joined with what a database knows as a time.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet polars==2.1.0 fastexcel==0.21.0 pandas==3.1.1 python-calamine==0.9.1 openpyxl==3.1.5
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datetime
import openpyxl, pandas as pd, polars as pl

book = openpyxl.Workbook()
for row in (["starts", "ends"], [datetime.time(9, 30), datetime.time(0, 0)], [datetime.time(0, 0), datetime.time(0, 0)]):
    book.active.append(row)
book.save("timetable.xlsx")
in_polars = pl.read_excel("timetable.xlsx").to_dict(as_series=False)
in_pandas = pd.read_excel("timetable.xlsx", engine="calamine").to_dict(orient="list")
for column in ("starts", "ends"):
    print(f"{column}: polars {in_polars[column]}, pandas {in_pandas[column]}")
day, midnight = datetime.date(1899, 12, 31), datetime.time(0, 0)
assert in_polars == {"starts": [datetime.datetime(1899, 12, 31, 9, 30), datetime.datetime(1899, 12, 31)], "ends": [day, day]}, "the behaviour has changed"
assert in_pandas == {"starts": [datetime.time(9, 30), midnight], "ends": [midnight, midnight]}, "the behaviour has changed"
PYTHON
