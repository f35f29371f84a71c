#!/usr/bin/env bash
# deltalake notes a file's least and greatest decimal as a JSON number, and so as a double: ids of 19 digits in a DECIMAL(20,0) column lose
# their last digits there, and queries and deletes are decided by them. An id does not find its own row, nor does Polars' scan, and
# DELETE … > removes a row that is not greater.
#
# Versions: deltalake 1.6.6, polars 2.1.0, pyarrow 26.0.1 (PyPI)
# Seen, for 1325000048904434077 and 1325000048904434079, in a file each:
#   statistics: 1325000048904434176
#   query of = …077: [], of > …077: [0, 1]
#   deleted by = …077: [], by > …077: [0, 1]
#   polars, = …077: scanned [], read [0]
# As BIGINT, each is right.
# For whom: Delta tables whose ids came from a NUMERIC column, such as 19-digit ids of Sunbird's courses and batches.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet deltalake==1.6.6 polars==2.1.0 pyarrow==26.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import decimal, json, pathlib, shutil
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake

FIRST, SECOND = 1325000048904434077, 1325000048904434079

def rows(id, row):
    return pa.table({"batch_id": pa.array([decimal.Decimal(id)], pa.decimal128(20, 0)), "row": [row]})

def batches():
    shutil.rmtree("batches", ignore_errors=True)
    for row, id in enumerate((FIRST, SECOND)):
        write_deltalake("batches", rows(id, row), mode="append")
    return DeltaTable("batches")

def found(condition):
    reader = QueryBuilder().register("batches", batches()).execute(f"select row from batches where {condition} order by row")
    return pa.table(reader)["row"].to_pylist()

def deleted(condition):
    table = batches()
    table.delete(condition)
    return sorted({0, 1} - set(table.to_pyarrow_table()["row"].to_pylist()))

batches()
lines = pathlib.Path("batches/_delta_log/00000000000000000000.json").read_text().splitlines()
[add] = [json.loads(line)["add"] for line in lines if '"add"' in line]
least = json.loads(add["stats"])["minValues"]["batch_id"]
print("statistics:", least)
equal, greater = f"batch_id = {FIRST}", f"batch_id > {FIRST}"
queried = found(equal), found(greater)
print(f"query of = …077: {queried[0]}, of > …077: {queried[1]}")
removed = deleted(equal), deleted(greater)
print(f"deleted by = …077: {removed[0]}, by > …077: {removed[1]}")
batches()
scanned = pl.scan_delta("batches").filter(pl.col("batch_id") == decimal.Decimal(FIRST)).collect()["row"].to_list()
read = pl.read_delta("batches").filter(pl.col("batch_id") == decimal.Decimal(FIRST))["row"].to_list()
print(f"polars, = …077: scanned {scanned}, read {read}")
assert int(least) != FIRST, "the behaviour has changed"
assert queried == ([], [0, 1]) and removed == ([], [0, 1]), "the behaviour has changed"
assert (scanned, read) == ([], [0]), "the behaviour has changed"
PYTHON
