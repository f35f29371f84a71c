#!/usr/bin/env bash
# DuckDB's read_xlsx gives a column the type of its first cell: where that is a date, the times of all cells below are cut off; where it
# is empty, all are floating point: dates become their day numbers, and codes that the sheet keeps as text lose their zeros. A duration,
# which spreadsheets show as [h]:mm:ss, loses its whole days: 36 hours are 12. With all_varchar=true, codes stay as they are.
#
# Versions: duckdb 1.5.5, duckdb-extension-excel 1.5.5, openpyxl 3.1.5 (PyPI)
# Seen:
#   enrolled DATE [datetime.date(2026, 11, 28), datetime.date(2026, 11, 29)]
#   completed DOUBLE [None, 46355.77083333334]
#   school DOUBLE [None, 1010100101.0]
#   watched TIME [datetime.time(12, 0), datetime.time(1, 30)]
# The cells: enrolled 2026-11-28 and 2026-11-29 18:30, completed empty and 2026-11-29 18:30, school empty and
# '01010100101', watched 36:00:00 and 1:30:00.
# For whom: sheets of enrolments and of times spent that are loaded through SQL.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb==1.5.5 duckdb-extension-excel==1.5.5 openpyxl==3.1.5
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from datetime import date, datetime, time, timedelta
import pathlib
import sys
import duckdb, openpyxl

book = openpyxl.Workbook()
book.active.append(["enrolled", "completed", "school", "watched"])
book.active.append([date(2026, 11, 28), None, None, timedelta(hours=36)])
book.active.append([datetime(2026, 11, 29, 18, 30), datetime(2026, 11, 29, 18, 30), "01010100101", timedelta(hours=1, minutes=30)])
book.save("enrolments.xlsx")
[extension] = pathlib.Path(sys.prefix).rglob("excel.duckdb_extension")
base = duckdb.connect()
base.load_extension(str(extension))
sheet = base.sql("from read_xlsx('enrolments.xlsx')")
values = [list(column) for column in zip(*sheet.fetchall())]
for name, kind, column in zip(sheet.columns, sheet.types, values):
    print(name, kind, column)
enrolled, completed, school, watched = values
assert enrolled == [date(2026, 11, 28), date(2026, 11, 29)], "the behaviour has changed"
assert completed[0] is None and int(completed[1]) == 46355, "the behaviour has changed"
assert school == [None, 1010100101.0], "the behaviour has changed"
assert watched == [time(12, 0), time(1, 30)], "the behaviour has changed"
PYTHON
