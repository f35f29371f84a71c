#!/usr/bin/env bash
# Spark cannot open a Parquet file that has a column of Parquet's own UUID type, whichever columns are asked for: the schema alone is
# refused. Told a schema without that column it reads the rest, so it is the question for the schema that fails, not the file.
#
# Versions: pyspark 4.3.0 (Java 17), duckdb 2.0.1 (PyPI)
# Seen:
#   select tenant: [PARQUET_TYPE_ILLEGAL] Illegal Parquet type: FIXED_LEN_BYTE_ARRAY (UUID).
#   select tenant, with a schema: ka
# For whom: exports of a PostgreSQL or DuckDB table with a uuid column, or of ClickHouse, that Spark reads.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pyspark==4.3.0 duckdb==2.0.1
cd "$work"
"$work/venv/bin/python" - 2>/dev/null <<'PYTHON'
import duckdb
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

duckdb.sql("copy (select uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' as user_id, 'ka' as tenant) to 'users.parquet'")
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
try:
    spark.read.parquet("users.parquet").select("tenant").collect()
    refusal = "read"
except AnalysisException as error:
    refusal = str(error).split(" SQLSTATE")[0]
[row] = spark.read.schema("tenant string").parquet("users.parquet").collect()
spark.stop()
print("select tenant:", refusal)
print("select tenant, with a schema:", row.tenant)
assert refusal == "[PARQUET_TYPE_ILLEGAL] Illegal Parquet type: FIXED_LEN_BYTE_ARRAY (UUID)." and row.tenant == "ka", "the behaviour has changed"
PYTHON
