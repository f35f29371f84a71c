"""DuckDB: COPY … (PARTITION_BY date). In duckdb-uuid all ids of users are of the type UUID, and mentors a list of them."""
import sys
from pathlib import Path

import duckdb

from rows import DAY, DAYS, TABLES, TIMES, UUIDS, columns, naive, rows


def type_of(name, with_uuids):
    if name in TIMES:
        return "TIMESTAMP_MS" if with_uuids else "TIMESTAMPTZ"
    if name in DAYS:
        return "DATE"
    if name == "mentors":
        return "UUID[]" if with_uuids else "VARCHAR[]"
    if with_uuids and name in UUIDS:
        return "UUID"
    return {"active": "BOOLEAN", "progress_percent": "DECIMAL(5,2)"}.get(name, "VARCHAR")


def write(out, writer, with_uuids):
    database = duckdb.connect(config={"threads": 1})
    database.execute("set timezone = 'UTC'")
    Path(out, writer).mkdir()
    for table in TABLES:
        definition = ", ".join(f"{name} {type_of(name, with_uuids)}" for name in columns(table))
        database.execute(f"create table {table} ({definition})")
        for row in rows(table):
            values = [naive(value) if with_uuids and name in TIMES else value for name, value in row.items()]
            database.execute(f"insert into {table} values ({', '.join('?' * len(values))})", values)
        database.execute(f"copy (select *, '{DAY}' as date from {table}) to '{out}/{writer}/{table}' (format parquet, partition_by (date))")


write(sys.argv[1], "duckdb", with_uuids=False)
write(sys.argv[1], "duckdb-uuid", with_uuids=True)
