#!/usr/bin/env bash
# fastparquet reads a list whose items are in a dictionary. Items that are not are None, or, where each list has one, that item without its
# list: files of Polars, DuckDB's with few repeated values, and pyarrow's from the row on at which the dictionary has grown to a mebibyte.
# Lists within lists and lists of structs are None too. Nothing is raised.
#
# Versions: fastparquet 2026.9.0, pandas 3.1.1, duckdb 2.0.1, polars 2.1.0, pyarrow 26.0.1 (PyPI)
# Seen:
#   duckdb, two mentors each: [None, None, None]
#   duckdb, one mentor each: ['m-0', 'm-1', 'm-2']
#   polars, one or two mentors: [None, None]
#   pyarrow, 30,000 lists: the first ['mentor-0-mentor-0-mentor-0-mentor-0-'], the last None
#   pyarrow, lists of lists: [None, None]
#   pyarrow, lists of structs: [None, None]
# pyarrow reads each as it was written.
# For whom: scripts that read exports with a list of mentors through fastparquet: batches that seem to have none.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet fastparquet==2026.9.0 pandas==3.1.1 duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import duckdb, fastparquet, polars as pl
import pyarrow as pa, pyarrow.parquet as pq

def read(file):
    return list(fastparquet.ParquetFile(file).to_pandas()["mentors"])

def by_duckdb(mentors):
    duckdb.sql(f"copy (select {mentors} as mentors from range(3) as batches(i)) to 'batches.parquet'")
    return read("batches.parquet")

def by_pyarrow(mentors):
    pq.write_table(pa.table({"mentors": mentors}), "batches.parquet")
    assert pq.read_table("batches.parquet")["mentors"].to_pylist() == mentors
    return read("batches.parquet")

two, one = by_duckdb("['m-' || i, 'n-' || i]"), by_duckdb("['m-' || i]")
print("duckdb, two mentors each:", two)
print("duckdb, one mentor each:", one)
pl.DataFrame({"mentors": [["a", "b"], ["c"]]}).write_parquet("batches.parquet")
polars = read("batches.parquet")
print("polars, one or two mentors:", polars)
many = by_pyarrow([[f"mentor-{i}-" * 4] for i in range(30000)])
print(f"pyarrow, 30,000 lists: the first {many[0]}, the last {many[-1]}")
lists, structs = by_pyarrow([[["a", "b"], ["c"]], [["d"]]]), by_pyarrow([[{"id": "a"}, {"id": "b"}], [{"id": "c"}]])
print("pyarrow, lists of lists:", lists)
print("pyarrow, lists of structs:", structs)
assert two == [None] * 3 and one == ["m-0", "m-1", "m-2"], "the behaviour has changed"
assert many[0] == ["mentor-0-" * 4] and many[-1] is None, "the behaviour has changed"
assert polars == lists == structs == [None, None], "the behaviour has changed"
PYTHON
