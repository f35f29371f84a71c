"""ClickHouse (chdb): INSERT INTO FUNCTION file(…, Parquet). In clickhouse-uuid ids are UUIDs, flags UInt8, percents Decimal."""
import sys

from chdb import session

from rows import DAYS, TABLES, TIMES, UUIDS, folder, rows


def type_of(name, with_uuids):
    if name in TIMES:
        return "Nullable(DateTime64(3, 'UTC'))"
    if name in DAYS:
        return "Nullable(Date32)"
    if with_uuids and name in UUIDS:
        return "Nullable(UUID)"
    if name == "mentors":
        return "Array(UUID)" if with_uuids else "Array(String)"
    if name == "active":
        return "Nullable(UInt8)" if with_uuids else "Nullable(Bool)"
    if name == "progress_percent":
        return "Nullable(Decimal(5, 2))" if with_uuids else "Nullable(Float64)"
    return "String" if name in ("course_id", "mid") else "Nullable(String)"


def literal(name, value):
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return "[" + ", ".join(literal(name, item) for item in value) + "]"
    if name in TIMES:
        return f"toDateTime64('{value:%Y-%m-%d %H:%M:%S.%f}', 3, 'UTC')".replace("000', 3", "', 3")
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return repr(value)
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def write(out, writer, with_uuids):
    clickhouse = session.Session()
    for table in TABLES:
        found = rows(table)
        structure = ", ".join(f"{name} {type_of(name, with_uuids)}" for name in found[0])
        clickhouse.query(f"create table {table} ({structure}) engine = Memory")
        values = ", ".join("(" + ", ".join(literal(name, value) for name, value in row.items()) + ")" for row in found)
        clickhouse.query(f"insert into {table} values {values}")
        file = folder(out, writer, table) / "data.parquet"
        clickhouse.query(f"insert into function file('{file}', Parquet) select * from {table}")
    clickhouse.close()


write(sys.argv[1], "clickhouse", with_uuids=False)
write(sys.argv[1], "clickhouse-uuid", with_uuids=True)
