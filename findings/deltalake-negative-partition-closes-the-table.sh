#!/usr/bin/env bash
# deltalake writes the partition value -1.50 of a decimal column as the text -1.-50. The append raises an error, and is in the log all the
# same: the whole table, the rows before too, cannot be opened any more, by deltalake or Polars. Bytes are written as the text of their
# escapes, and come back as that text.
#
# Versions: deltalake 1.6.6, polars 2.1.0, pyarrow 26.0.1 (PyPI)
# Seen:
#   append of -1.50: Kernel error: Failed to parse value '-1.-50' as 'decimal(9,2)'
#   versions in the log: 2
#   read by deltalake: Kernel error: Failed to parse value '-1.-50' as 'decimal(9,2)'
#   read by polars: Kernel error: Failed to parse value '-1.-50' as 'decimal(9,2)'
#   version 0: [{'user_id': 'u-1', 'change': Decimal('1.50')}]
#   bytes ff 00 as a partition: \u00FF\u0000
# For whom: Delta tables partitioned by a difference of marks or amounts, or by ids that are kept as bytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet deltalake==1.6.6 polars==2.1.0 pyarrow==26.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import decimal, pathlib
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

def append(user, change):
    rows = {"user_id": [user], "change": pa.array([decimal.Decimal(change)], pa.decimal128(9, 2))}
    write_deltalake("marks", pa.table(rows), partition_by=["change"], mode="append")

def refused(what, action):
    try:
        action()
    except Exception as error:
        text = str(error).splitlines()[0]
        print(f"{what}: {text}")
        return "'-1.-50'" in text
    print(f"{what}: done")
    return False

append("u-1", "1.50")
refusals = [refused("append of -1.50", lambda: append("u-2", "-1.50"))]
versions = len(list(pathlib.Path("marks/_delta_log").glob("*.json")))
print("versions in the log:", versions)
refusals.append(refused("read by deltalake", lambda: DeltaTable("marks").to_pyarrow_table()))
refusals.append(refused("read by polars", lambda: pl.read_delta("marks")))
before = DeltaTable("marks", version=0).to_pyarrow_table().to_pylist()
print("version 0:", before)
write_deltalake("keys", pa.table({"user_id": ["u-1"], "key": [b"\xff\x00"]}), partition_by=["key"])
[key] = DeltaTable("keys").to_pyarrow_table()["key"].to_pylist()
print("bytes ff 00 as a partition:", key.decode())
assert all(refusals) and versions == 2 and len(before) == 1, "the behaviour has changed"
assert key == rb"\u00FF\u0000", "the behaviour has changed"
PYTHON
