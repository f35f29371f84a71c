#!/usr/bin/env bash
# pyiceberg's NotIn finds rows whose value is NULL; its delete by the same filter leaves them. NotEqualTo does not even find them, so that
# `not 1` and `not one of 1 and 2` treat users without a school in two ways.
#
# Versions: pyiceberg 0.12.0, pyarrow 26.0.1 (PyPI)
# Seen, for the schools 1, 2, 3 and NULL:
#   NotIn 1, 2: found [3, None], left by delete [1, 2, None]
#   NotEqualTo 1: found [2, 3], left by delete [1, None]
# For whom: sites that list with a filter what they are about to delete from a table of Iceberg.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'pyiceberg[sql-sqlite]==0.12.0' pyarrow==26.0.1
cd "$work"
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import NotEqualTo, NotIn

work = sys.argv[1]
catalog = SqlCatalog("site", uri=f"sqlite:///{work}/catalog.db", warehouse=f"file://{work}/warehouse")
catalog.create_namespace("lms")
users = pa.table({"school_id": pa.array([1, 2, 3, None], pa.int64())})

def schools(rows):
    return sorted(rows.to_arrow()["school_id"].to_pylist(), key=str)

def by(what, condition):
    table = catalog.create_table(f"lms.{what.split()[0]}", schema=users.schema)
    table.append(users)
    found = schools(table.scan(row_filter=condition))
    table.delete(condition)
    left = schools(table.scan())
    print(f"{what}: found {found}, left by delete {left}")
    return found, left

assert by("NotIn 1, 2", NotIn("school_id", [1, 2])) == ([3, None], [1, 2, None]), "the behaviour has changed"
assert by("NotEqualTo 1", NotEqualTo("school_id", 1)) == ([2, 3], [1, None]), "the behaviour has changed"
PYTHON
