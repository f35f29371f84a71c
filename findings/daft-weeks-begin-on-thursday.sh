#!/usr/bin/env bash
# Daft cuts times to weeks by counting seven days from 1970-01-01, a Thursday: date_trunc('week', …) gives Thursdays, where DuckDB and
# PostgreSQL give Mondays. A Sunday and the Monday after it are in one week, a Wednesday and the Thursday after it in two.
#
# Versions: daft 0.7.26, duckdb 2.0.1 (PyPI)
# Seen:
#   Sunday 2026-11-29: daft Thursday 2026-11-26, duckdb Monday 2026-11-23
#   Monday 2026-11-30: daft Thursday 2026-11-26, duckdb Monday 2026-11-30
# For whom: sites that count learners by week with Daft, beside the figures of another engine: other weeks, other numbers.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet daft==0.7.26 duckdb==2.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datetime
import daft, duckdb

days = [datetime.datetime(2026, 11, 29, 10), datetime.datetime(2026, 11, 30, 10)]
events = daft.from_pydict({"day": days})
in_daft = daft.sql("select date_trunc('week', day) as week from events").to_pydict()["week"]
in_duckdb = [duckdb.sql(f"select date_trunc('week', timestamp '{day}')").fetchall()[0][0] for day in days]
for day, week, other in zip(days, in_daft, in_duckdb):
    print(f"{day:%A %Y-%m-%d}: daft {week:%A %Y-%m-%d}, duckdb {other:%A %Y-%m-%d}")
assert [f"{week:%Y-%m-%d}" for week in in_daft] == ["2026-11-26"] * 2, "the behaviour has changed"
assert [f"{week:%A %d}" for week in in_duckdb] == ["Monday 23", "Monday 30"], "the behaviour has changed"
PYTHON
