#!/usr/bin/env bash
# DataFusion takes a column that a condition compares with one value to have one distinct value, whether or not a row meets all conditions.
# Over Parquet files, whose rows it knows by number, it counts distinct values of several columns so, without reading a row.
#
# Versions: datafusion 55.0.0, pyarrow 26.0.1 (PyPI)
# Seen:
#   count(distinct user_id) as users, count(distinct batch_id) as batches: {'users': 1, 'batches': 1}
#   count(*) as rows: {'rows': 0}
# For whom: queries on DataFusion that ask of a user or a batch how many there are, and of one that has no row.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datafusion==55.0.0 pyarrow==26.0.1
"$work/venv/bin/python" - "$work/enrolments.parquet" <<'PYTHON'
import sys
import datafusion
import pyarrow
from pyarrow import parquet

ENROLMENTS = {"user_id": ["u1", "u2", "u3"], "batch_id": ["b1", "b1", "b2"]}
parquet.write_table(pyarrow.table(ENROLMENTS), sys.argv[1])
session = datafusion.SessionContext()
session.register_parquet("enrolments", sys.argv[1])
answers = []
for columns in ["count(distinct user_id) as users, count(distinct batch_id) as batches", "count(*) as rows"]:
    rows = session.sql(f"select {columns} from enrolments where user_id = 'u3' and batch_id = 'b1'").to_pylist()
    print(f"{columns}: {rows[0]}")
    answers.append(rows[0])
assert answers == [{"users": 1, "batches": 1}, {"rows": 0}], "the behaviour has changed"
PYTHON
