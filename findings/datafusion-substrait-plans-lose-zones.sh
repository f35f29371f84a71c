#!/usr/bin/env bash
# A query of DataFusion that goes through a Substrait plan of its own is another one: a window of the last seven days becomes one of all
# days before, the zone of AT TIME ZONE becomes UTC, so that an evening in India is the day before, and IGNORE NULLS is gone.
#
# Versions: datafusion 55.0.0, pyarrow 26.0.1 (PyPI)
# Seen:
#   clicks of seven days: [5, 7, 9] -> [5, 12, 21]
#   day in Kolkata: ['2026-11-01', '2026-11-09', '2026-11-29'] -> ['2026-11-01', '2026-11-08', '2026-11-28']
#   lag ignore nulls: [None, 5, 5] -> [None, 5, None]
# For whom: services that hand queries from one engine to another as Substrait plans, or keep them so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datafusion==55.0.0 pyarrow==26.0.1
"$work/venv/bin/python" - <<'PYTHON'
from datafusion import SessionContext
from datafusion.substrait import Consumer, Serde

context = SessionContext()
context.sql("""create table clicks as select * from (values
    (1, timestamp '2026-11-01 00:00:00', 5, 5),
    (2, timestamp '2026-11-08 20:00:00', 7, null),
    (3, timestamp '2026-11-28 20:00:00', 9, 9)) as clicks(i, clicked, n, known)""").collect()

def answers(expression):
    sql = f"select {expression} as answer from clicks order by i"
    plan = Consumer.from_substrait_plan(context, Serde.deserialize_bytes(Serde.serialize_bytes(sql, context)))
    frames = (context.sql(sql), context.create_dataframe_from_logical_plan(plan))
    return [[row["answer"] for row in frame.to_pylist()] for frame in frames]

week = answers("sum(n) over (order by clicked range between interval '7 days' preceding and current row)")
local = "arrow_cast(clicked, 'Timestamp(Second, Some(\"UTC\"))') at time zone 'Asia/Kolkata'"
day = answers(f"cast(cast({local} as date) as varchar)")
lag = answers("lag(known) ignore nulls over (order by i)")
print("clicks of seven days:", week[0], "->", week[1])
print("day in Kolkata:", day[0], "->", day[1])
print("lag ignore nulls:", lag[0], "->", lag[1])
assert week == [[5, 7, 9], [5, 12, 21]] and lag == [[None, 5, 5], [None, 5, None]], "the behaviour has changed"
assert day == [["2026-11-01", "2026-11-09", "2026-11-29"], ["2026-11-01", "2026-11-08", "2026-11-28"]], "the behaviour has changed"
PYTHON
