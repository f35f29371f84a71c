#!/usr/bin/env bash
# A Delta table partitioned by tenant, with a blank tenant and a missing one: delta-rs writes them into two folders, with "" and null
# in its log. Read by delta-rs again, neither row has a tenant, as Delta's protocol says; read by Polars, which takes the log from
# delta-rs, one has a blank tenant and one has none. A count of rows without a tenant is 2 or 1.
#
# Versions: deltalake 1.6.6, polars 2.1.0, pyarrow 26.0.1 (PyPI)
# Seen:
#   delta-rs: {'a': 'ka', 'b': None, 'c': None}
#   polars: {'a': 'ka', 'b': '', 'c': None}
# For whom: exports from which rows without a tenant are to be counted or left out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet deltalake==1.6.6 polars==2.1.0 pyarrow==26.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import polars as pl, pyarrow as pa
from deltalake import DeltaTable, write_deltalake

write_deltalake("users", pa.table({"user_id": ["a", "b", "c"], "tenant_id": ["ka", "", None]}), partition_by=["tenant_id"])
delta_rs = {row["user_id"]: row["tenant_id"] for row in DeltaTable("users").to_pyarrow_table().sort_by("user_id").to_pylist()}
polars = dict(pl.read_delta("users").sort("user_id").select("user_id", "tenant_id").rows())
print("delta-rs:", delta_rs)
print("polars:", polars)
assert delta_rs == {"a": "ka", "b": None, "c": None} and polars == {"a": "ka", "b": "", "c": None}, "the behaviour has changed"
PYTHON
