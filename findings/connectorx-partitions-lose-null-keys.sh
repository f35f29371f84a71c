#!/usr/bin/env bash
# connectorx reads a query in parts where it is told a column to part by. Its parts are ranges of that column, and a NULL is in none: rows
# without a value there are not read, also where there is only one part. Polars hands the option on.
#
# Versions: connectorx 0.4.6, polars 2.1.0, pyarrow 26.0.1 (PyPI), SQLite of Python
# Seen:
#   connectorx: ['Asha', 'Ravi', 'Meena', 'Tara']
#   connectorx, partition_on='school_id', partition_num=2: ['Asha', 'Meena', 'Tara']
#   connectorx, partition_on='school_id', partition_num=1: ['Asha', 'Meena', 'Tara']
#   polars, partition_on='school_id', partition_num=2: ['Asha', 'Meena', 'Tara']
# Spark's reader of databases takes the rows without a value into its first part.
# For whom: exporters that read users or enrolments by a number that some rows lack: these users are not in the export.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet connectorx==0.4.6 polars==2.1.0 pyarrow==26.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import pathlib, sqlite3
import connectorx, polars as pl

base = sqlite3.connect("lms.db")
base.execute("create table users (name text, school_id integer)")
base.executemany("insert into users values (?, ?)", [("Asha", 1), ("Ravi", None), ("Meena", 3), ("Tara", 10)])
base.commit()
address, query = f"sqlite://{pathlib.Path('lms.db').resolve()}", "select name, school_id from users"

def names(what, read, **options):
    rows = read(**options)["name"]
    rows = rows.to_pylist() if hasattr(rows, "to_pylist") else rows.to_list()
    print(", ".join([what, *(f"{key}={value!r}" for key, value in options.items())]) + ":", rows)
    return rows

def by_connectorx(**options):
    return connectorx.read_sql(address, query, return_type="arrow", **options)

def by_polars(**options):
    return pl.read_database_uri(query, address, **options)

everyone, others = ["Asha", "Ravi", "Meena", "Tara"], ["Asha", "Meena", "Tara"]
assert names("connectorx", by_connectorx) == everyone, "the behaviour has changed"
for parts in (2, 1):
    assert names("connectorx", by_connectorx, partition_on="school_id", partition_num=parts) == others, "the behaviour has changed"
assert names("polars", by_polars, partition_on="school_id", partition_num=2) == others, "the behaviour has changed"
PYTHON
