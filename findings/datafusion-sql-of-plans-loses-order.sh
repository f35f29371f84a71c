#!/usr/bin/env bash
# SQL that DataFusion makes of a plan, so that another database may answer it, leaves out ORDER BY and IGNORE NULLS in aggregates and the
# zone of AT TIME ZONE, and has LIKE for SIMILAR TO. It is valid SQL with other answers: the first attempt for the latest one.
#
# Versions: datafusion 55.0.0, pyarrow 26.0.1 (PyPI)
# Seen:
#   first_value(percent order by attempt desc) -> first_value("attempts"."percent"): 90 -> 40
#   array_agg(percent order by attempt desc) -> array_agg("attempts"."percent"): [90, None, 40] -> [40, None, 90]
#   last_value(percent) ignore nulls over (order by attempt) -> last_value("attempts"."percent") OVER (…)
#   began at time zone 'Asia/Kolkata' -> CAST("attempts"."began" AS TIMESTAMP WITH TIME ZONE)
#   state similar to 'done|passed' -> "attempts"."state" LIKE 'done|passed'
# For whom: engines on DataFusion that send parts of a query to a database.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datafusion==55.0.0 pyarrow==26.0.1
"$work/venv/bin/python" - <<'PYTHON'
from datafusion import SessionContext
from datafusion.unparser import Dialect, Unparser

context = SessionContext()
context.sql("""create table attempts as select * from (values
    (1, 40, timestamp '2026-11-01 20:00:00', 'done'),
    (2, null, timestamp '2026-11-02 20:00:00', 'open'),
    (3, 90, timestamp '2026-11-03 20:00:00', 'passed')) as attempts(attempt, percent, began, state)""").collect()

def shown(expression):
    plan = context.sql(f"select {expression} from attempts").logical_plan()
    sql = Unparser(Dialect.postgres()).plan_to_sql(plan)
    print(expression, "->", sql.removeprefix("SELECT ").removesuffix(' FROM "attempts"'))
    return sql

def answers(expression):
    told = context.sql(f"select {expression} as answer from attempts").to_pylist()[0]["answer"]
    asked = list(context.sql(shown(expression)).to_pylist()[0].values())[0]
    print("   ", told, "->", asked)
    return told, asked

assert answers("first_value(percent order by attempt desc)") == (90, 40), "the behaviour has changed"
assert answers("array_agg(percent order by attempt desc)") == ([90, None, 40], [40, None, 90]), "the behaviour has changed"
assert "IGNORE" not in shown("last_value(percent) ignore nulls over (order by attempt)"), "the behaviour has changed"
assert "Kolkata" not in shown("began at time zone 'Asia/Kolkata'"), "the behaviour has changed"
assert "LIKE 'done|passed'" in shown("state similar to 'done|passed'"), "the behaviour has changed"
PYTHON
