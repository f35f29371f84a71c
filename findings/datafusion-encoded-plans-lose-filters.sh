#!/usr/bin/env bash
# A physical plan of DataFusion that is encoded and decoded, as Ballista does to send it to its executors, is another one: FILTER of an
# aggregate over a window is gone, so that every row counts, and so is IGNORE NULLS of lag and its like. Neither is an error.
#
# Versions: datafusion 55.0.0, pyarrow 26.0.1 (PyPI)
# Seen:
#   count(*) filter (where active) over (): 2 -> 3
#   last_value(percent) ignore nulls over (order by day): [10, 10, 30] -> [10, None, 30]
# For whom: queries that run on a cluster, or whose plans are kept.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datafusion==55.0.0 pyarrow==26.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from datafusion import SessionContext
from datafusion.plan import ExecutionPlan

context = SessionContext()
rows = "(values (1, 10, true), (2, null, false), (3, 30, true)) as progress(day, percent, active)"
context.sql(f"select * from {rows}").write_parquet("progress.parquet")
context.register_parquet("progress", "progress.parquet")

def answers(function):
    frame = context.sql(f"select day, {function} as answer from progress")
    decoded = ExecutionPlan.from_bytes(context, frame.execution_plan().to_bytes())
    streams = [context.execute(decoded, partition) for partition in range(decoded.partition_count)]
    sent = [row for stream in streams for batch in stream for row in batch.to_pyarrow().to_pylist()]
    return [[row["answer"] for row in sorted(found, key=lambda row: row["day"])] for found in (frame.to_pylist(), sent)]

counted = answers("count(*) filter (where active) over ()")
latest = answers("last_value(percent) ignore nulls over (order by day)")
print("count(*) filter (where active) over ():", counted[0][0], "->", counted[1][0])
print("last_value(percent) ignore nulls over (order by day):", latest[0], "->", latest[1])
assert counted == [[2, 2, 2], [3, 3, 3]] and latest == [[10, 10, 30], [10, None, 30]], "the behaviour has changed"
PYTHON
