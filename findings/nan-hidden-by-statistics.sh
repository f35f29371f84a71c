#!/usr/bin/env bash
# A Parquet file of two percents, 100 and NaN, written by pyarrow: its statistics say least 100, greatest 100. Asked for rows whose
# percent is not 100, DuckDB, DataFusion and pyarrow's datasets skip the file and find none, though each of them says that NaN <> 100
# of the same rows in memory. Polars finds the row; and DuckDB too, in a file of its own, which has no statistics there.
#
# Versions: pyarrow 26.0.1, duckdb 2.0.1, datafusion 55.0.0, polars 2.1.0 (PyPI)
# Seen:
#   file of pyarrow: duckdb 0, datafusion 0, pyarrow 0, polars 1
#   in memory: duckdb 1, datafusion 1, pyarrow 1, polars 1
#   file of duckdb: duckdb 1
# For whom: a query for unfinished courses (`progress_percent <> 100`) does not show the one whose percent could not be computed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pyarrow==26.0.1 duckdb==2.0.1 datafusion==55.0.0 polars==2.1.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datafusion, duckdb, polars as pl, pyarrow as pa, pyarrow.compute as pc, pyarrow.dataset as ds, pyarrow.parquet as pq

rows = pa.table({"user_id": ["a", "b"], "percent": [100.0, float("nan")]})
pq.write_table(rows, "pyarrow.parquet")
duckdb.sql("copy (from rows) to 'duckdb.parquet'")
engine = datafusion.SessionContext()
engine.register_parquet("file", "pyarrow.parquet")
engine.from_arrow(rows, name="memory")
unfinished = pc.field("percent") != 100
in_duckdb = lambda table: len(duckdb.sql(f"select user_id from {table} where percent <> 100").fetchall())
in_datafusion = lambda table: engine.sql(f"select user_id from {table} where percent <> 100").count()
in_polars = lambda frame: frame.filter(pl.col("percent") != 100).collect().height

file = (in_duckdb("'pyarrow.parquet'"), in_datafusion("file"), ds.dataset("pyarrow.parquet").to_table(filter=unfinished).num_rows, in_polars(pl.scan_parquet("pyarrow.parquet")))
memory = (in_duckdb("rows"), in_datafusion("memory"), rows.filter(unfinished).num_rows, in_polars(pl.from_arrow(rows).lazy()))
own = in_duckdb("'duckdb.parquet'")
print("file of pyarrow: duckdb %d, datafusion %d, pyarrow %d, polars %d" % file)
print("in memory: duckdb %d, datafusion %d, pyarrow %d, polars %d" % memory)
print("file of duckdb: duckdb", own)
assert (file, memory, own) == ((0, 0, 0, 1), (1, 1, 1, 1), 1), "the behaviour has changed"
PYTHON
