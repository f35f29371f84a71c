"""Reads every folder again with pyarrow, which has no part in Pragati, and compares the rows with rows.json.

INT96 is read as microseconds, which hold every date.

Left out are tables whose rows are not those of their files: Delta and Iceberg tables with files that no longer count, and Dask's
batches, whose mentors are no list.
"""
import datetime
import json
import sys
from pathlib import Path

import pyarrow.parquet as pq

from rows import DAYS, TABLES, TIMES, UUIDS, rows

LEFT_OUT = {("deltalake-deleted", "enrolments"), ("pyiceberg-overwritten", "enrolments"), ("dask", "batches")}
# The zone whose calendar gives a day where a writer has none but instants.
ZONE = datetime.timezone(datetime.timedelta(hours=5, minutes=30))


def normal(name, value):
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if name in TIMES:
        aware = value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)
        return aware.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds")
    if name in DAYS:
        if isinstance(value, datetime.datetime):
            value = (value.astimezone(ZONE) if value.tzinfo else value).date()
        return value.isoformat()
    if name == "mentors":
        items = json.loads(value) if isinstance(value, (str, bytes)) else value
        return [str(item) for item in items]
    if name in UUIDS:
        return str(value)
    if name == "active":
        return bool(value)
    if name == "progress_percent":
        return round(float(value), 2)
    return value.decode() if isinstance(value, bytes) else value


def seen(folder, table, names):
    found = []
    for path in sorted(folder.glob(f"{table}/date=*/*")):
        if not path.name.startswith(("_", ".")):
            # ParquetFile, since the folder's name is no column of the table.
            file = pq.ParquetFile(path, coerce_int96_timestamp_unit="us")
            found += file.read(columns=names).to_pylist()
    return sorted(repr([normal(name, row[name]) for name in names]) for row in found)


def main(corpus):
    wrong = 0
    for folder in sorted(path for path in Path(corpus).iterdir() if path.is_dir()):
        for table in TABLES:
            if (folder.name, table) in LEFT_OUT:
                continue
            names = list(rows(table)[0])
            expected = sorted(repr([normal(name, value) for name, value in row.items()]) for row in rows(table))
            got = seen(folder, table, names)
            if got != expected:
                wrong += 1
                differ = [pair for pair in zip(expected, got) if pair[0] != pair[1]]
                print(f"{folder.name}/{table}: {len(got)} rows of {len(expected)}; first difference: {differ[:1]}")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1]) else 0)
