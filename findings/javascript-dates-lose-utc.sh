#!/usr/bin/env bash
# hyparquet-writer (and the forks of parquetjs) annotates JavaScript Dates with the older TIMESTAMP_MILLIS alone. The format says that
# this is an instant in UTC, and pyarrow reads it so. DuckDB and Polars read a time without a zone: a batch that starts on October 1
# at midnight in India starts on September 30. The same instant written by pyarrow, with the newer annotation, is of October 1.
#
# Versions: hyparquet-writer 0.17.0 (npm), duckdb 2.0.1, polars 2.1.0, pyarrow 26.0.1 (PyPI)
# Seen:
#   hyparquet-writer: pyarrow timestamp[ms, tz=UTC], polars Datetime(ms, None), duckdb TIMESTAMP, its day in India 2026-09-30
#   pyarrow: pyarrow timestamp[ms, tz=UTC], polars Datetime(ms, UTC), duckdb TIMESTAMP WITH TIME ZONE, its day in India 2026-10-01
# For whom: exports of a Node.js service that are read in SQL with the session's time zone set.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 pytz==2026.2
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund hyparquet-writer@0.17.0
cat >write.mjs <<'NODE'
import { parquetWriteFile } from 'hyparquet-writer'
parquetWriteFile({ filename: 'hyparquet-writer.parquet', columnData: [{ name: 'start', data: [new Date('2026-10-01T00:00:00+05:30')] }] })
NODE
node write.mjs
"$work/venv/bin/python" - <<'PYTHON'
import datetime
import duckdb, polars as pl, pyarrow as pa, pyarrow.parquet as pq

instant = datetime.datetime.fromisoformat("2026-10-01T00:00:00+05:30")
pq.write_table(pa.table({"start": pa.array([instant], pa.timestamp("ms", "UTC"))}), "pyarrow.parquet")
duckdb.sql("set timezone = 'Asia/Kolkata'")
seen = []
for writer in ("hyparquet-writer", "pyarrow"):
    file = f"{writer}.parquet"
    arrow = pq.ParquetFile(file).schema_arrow.field("start").type
    polars = pl.read_parquet_schema(file)["start"]
    kind, day = duckdb.sql(f"select typeof(start), cast(cast(start as date) as varchar) from '{file}'").fetchall()[0]
    seen.append((str(arrow), polars.time_zone, kind, day))
    print(f"{writer}: pyarrow {arrow}, polars Datetime({polars.time_unit}, {polars.time_zone}), duckdb {kind}, its day in India {day}")
assert seen == [
    ("timestamp[ms, tz=UTC]", None, "TIMESTAMP", "2026-09-30"),
    ("timestamp[ms, tz=UTC]", "UTC", "TIMESTAMP WITH TIME ZONE", "2026-10-01"),
], "the behaviour has changed"
PYTHON
