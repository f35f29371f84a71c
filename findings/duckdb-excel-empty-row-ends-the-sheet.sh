#!/usr/bin/env bash
# DuckDB's read_xlsx ends at the first row without a value, and says nothing: pupils below a blank line that parts two blocks of a
# list are not there. openpyxl and Polars read all of them. With stop_at_empty=false, or a range, DuckDB does too.
#
# Versions: duckdb 1.5.5, duckdb-extension-excel 1.5.5, polars 2.1.0, fastexcel 0.21.0, openpyxl 3.1.5 (PyPI)
# Seen:
#   duckdb: ['Asha', 'Ravi']
#   duckdb, stop_at_empty=false: ['Asha', 'Ravi', 'Meena']
#   polars: ['Asha', 'Ravi', 'Meena']
# For whom: lists that officers keep by block in one sheet, counted or loaded through SQL.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb==1.5.5 duckdb-extension-excel==1.5.5 polars==2.1.0 fastexcel==0.21.0 openpyxl==3.1.5
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import pathlib
import sys
import duckdb, openpyxl, polars as pl

book = openpyxl.Workbook()
for row in (["name", "block"], ["Asha", "Anekal"], ["Ravi", "Anekal"], [None, None], ["Meena", "Hosakote"]):
    book.active.append(row)
book.save("pupils.xlsx")
[extension] = pathlib.Path(sys.prefix).rglob("excel.duckdb_extension")
base = duckdb.connect()
base.load_extension(str(extension))

def names(options=""):
    return [name for [name] in base.sql(f"select name from read_xlsx('pupils.xlsx'{options}) where name is not null").fetchall()]

default, to_the_end = names(), names(", stop_at_empty=false")
in_polars = pl.read_excel("pupils.xlsx")["name"].drop_nulls().to_list()
print("duckdb:", default)
print("duckdb, stop_at_empty=false:", to_the_end)
print("polars:", in_polars)
everyone = ["Asha", "Ravi", "Meena"]
assert default == everyone[:2] and to_the_end == everyone == in_polars, "the behaviour has changed"
PYTHON
