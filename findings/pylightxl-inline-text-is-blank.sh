#!/usr/bin/env bash
# Programs that write spreadsheets row by row keep a text in its cell (an inline string), instead of in the workbook's table of strings.
# pylightxl reads each of these cells as blank, the headers too, and numbers and dates beside them rightly. openpyxl and calamine
# read both. So a report has percents of nobody, without an error.
#
# Versions: pylightxl 1.61, XlsxWriter 3.3.1, openpyxl 3.1.5, python-calamine 0.9.1 (PyPI)
# Seen:
#   table of strings: openpyxl and calamine [['External ID', 'Percent'], ['0012345', 5]], pylightxl [['External ID', 'Percent'], ['0012345', 5]]
#   in the cells: openpyxl and calamine [['External ID', 'Percent'], ['0012345', 5]], pylightxl [['', ''], ['', 5]]
# For whom: scripts that read reports of large exports: XlsxWriter and rust_xlsxwriter write so with constant memory.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pylightxl==1.61 xlsxwriter==3.3.1 openpyxl==3.1.5 python-calamine==0.9.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import openpyxl, pylightxl, xlsxwriter
from python_calamine import CalamineWorkbook

report = [["External ID", "Percent"], ["0012345", 5]]
seen = {}
for place, constant_memory in (("table of strings", False), ("in the cells", True)):
    book = xlsxwriter.Workbook("report.xlsx", {"constant_memory": constant_memory})
    sheet = book.add_worksheet("Report")
    for row, cells in enumerate(report):
        sheet.write_row(row, 0, cells)
    book.close()
    by_openpyxl = [list(row) for row in openpyxl.load_workbook("report.xlsx")["Report"].iter_rows(values_only=True)]
    by_calamine = CalamineWorkbook.from_path("report.xlsx").get_sheet_by_name("Report").to_python()
    by_pylightxl = [list(row) for row in pylightxl.readxl("report.xlsx").ws("Report").rows]
    assert by_openpyxl == by_calamine == report
    seen[place] = by_pylightxl
    print(f"{place}: openpyxl and calamine {by_openpyxl}, pylightxl {by_pylightxl}")
assert seen == {"table of strings": report, "in the cells": [["", ""], ["", 5]]}, "the behaviour has changed"
PYTHON
