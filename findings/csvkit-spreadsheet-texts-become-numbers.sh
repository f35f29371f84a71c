#!/usr/bin/env bash
# csvkit's in2csv guesses the types of a spreadsheet's columns anew, as if all cells were text, though a spreadsheet says what is a number
# and what a text. External ids that are texts lose their zeros, mobile numbers their plus, a percent of numbers 0 and 1 becomes False and
# True, Y and N as well, and who is named NA is nobody. With --no-inference all but the last stay; openpyxl, by which in2csv reads, has it.
#
# Versions: csvkit 2.2.0, agate 1.14.2, agate-excel 0.4.2, openpyxl 3.1.5 (PyPI)
# Seen:
#   openpyxl: 0012345,Asha,+919812345678,0,N / 01325000048904434076,NA,+919812345679,1,Y
#   in2csv: 12345,Asha,919812345678,False,False / 1325000048904434076,,919812345679,True,True
#   in2csv --no-inference: 0012345,Asha,+919812345678,0,N / 01325000048904434076,,+919812345679,1,Y
# For whom: officers and scripts that turn reports of a spreadsheet into CSV, and look people up by their ids.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet csvkit==2.2.0 agate==1.14.2 agate-excel==0.4.2 openpyxl==3.1.5
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import subprocess
import openpyxl

rows = [
    ["External ID", "User Name", "Mobile", "Percent", "Completed"],
    ["0012345", "Asha", "+919812345678", 0, "N"],
    ["01325000048904434076", "NA", "+919812345679", 1, "Y"],
]
book = openpyxl.Workbook()
for row in rows:
    book.active.append(row)
book.save("report.xlsx")
sheet = openpyxl.load_workbook("report.xlsx").active
seen = {"openpyxl": [",".join(map(str, row)) for row in sheet.iter_rows(min_row=2, values_only=True)]}
for command in ("in2csv", "in2csv --no-inference"):
    done = subprocess.run(f"venv/bin/{command} report.xlsx".split(), capture_output=True, text=True, check=True)
    seen[command] = done.stdout.splitlines()[1:]
for reader, lines in seen.items():
    print(f"{reader}: {' / '.join(lines)}")
assert seen == {
    "openpyxl": ["0012345,Asha,+919812345678,0,N", "01325000048904434076,NA,+919812345679,1,Y"],
    "in2csv": ["12345,Asha,919812345678,False,False", "1325000048904434076,,919812345679,True,True"],
    "in2csv --no-inference": ["0012345,Asha,+919812345678,0,N", "01325000048904434076,,+919812345679,1,Y"],
}, "the behaviour has changed"
PYTHON
