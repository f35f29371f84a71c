#!/usr/bin/env bash
# A folder key=value does not say its type, and readers guess one from all of its values. Codes of states (01, 09) are numbers for
# pyarrow and Polars, text for DuckDB; 3 and 03, two blocks, become one; and Polars reads the block code 1E5 as a hundred thousand.
# Whether a folder's codes are text depends on its neighbours: one KA beside 01 makes both of them text.
#
# Versions: pyarrow 26.0.1, polars 2.1.0, duckdb 2.0.1 (PyPI)
# Seen:
#   ['01', '09']: pyarrow [1, 9], polars [1, 9], duckdb ['01', '09']
#   ['03', '3']: pyarrow [3, 3], polars [3, 3], duckdb ['03', '3']
#   ['1E5', '2E3']: pyarrow ['1E5', '2E3'], polars [2000.0, 100000.0], duckdb ['1E5', '2E3']
#   ['01', 'KA']: pyarrow ['01', 'KA'], polars ['01', 'KA'], duckdb ['01', 'KA']
# For whom: exports in folders by state, district or block, whose codes are joined with those of LGD, the census or UDISE.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pyarrow==26.0.1 polars==2.1.0 duckdb==2.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import duckdb, polars as pl, pyarrow as pa, pyarrow.parquet as pq

def read(number, codes):
    root = f"exports-{number}"
    for code in codes:
        os.makedirs(f"{root}/code={code}")
        pq.write_table(pa.table({"schools": [1]}), f"{root}/code={code}/part-0.parquet")
    in_pyarrow = sorted(pq.read_table(root)["code"].to_pylist())
    in_polars = sorted(pl.scan_parquet(root).collect()["code"].to_list())
    in_duckdb = sorted(code for [code] in duckdb.sql(f"select code from read_parquet('{root}/*/*.parquet')").fetchall())
    print(f"{codes}: pyarrow {in_pyarrow}, polars {in_polars}, duckdb {in_duckdb}")
    assert in_duckdb == codes, "the behaviour has changed"
    return in_pyarrow, in_polars

assert read(1, ["01", "09"]) == ([1, 9], [1, 9]), "the behaviour has changed"
assert read(2, ["03", "3"]) == ([3, 3], [3, 3]), "the behaviour has changed"
assert read(3, ["1E5", "2E3"]) == (["1E5", "2E3"], [2000.0, 100000.0]), "the behaviour has changed"
assert read(4, ["01", "KA"]) == (["01", "KA"], ["01", "KA"]), "the behaviour has changed"
PYTHON
