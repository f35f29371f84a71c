"""delta-rs: write_deltalake, partitioned by date. All tables of deltalake-appended are Delta tables that only ever grew; in
deltalake-deleted the enrolments are one from which rows were deleted, beside the files of pyarrow."""
import shutil
import sys

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from rows import DAY, TABLES, columns
from write_pyarrow import typed


def rows_of(table):
    rows = pa.table({name: typed(name, values) for name, values in columns(table).items()})
    return rows.append_column("date", pa.array([DAY] * rows.num_rows))


def main(out):
    for table in TABLES:
        whole = rows_of(table)
        half = whole.num_rows // 2
        for part in (whole.slice(0, half), whole.slice(half)):
            write_deltalake(f"{out}/deltalake-appended/{table}", part, partition_by=["date"], mode="append")

    for table in TABLES:
        if table != "enrolments":
            shutil.copytree(f"{out}/pyarrow/{table}", f"{out}/deltalake-deleted/{table}")
    place = f"{out}/deltalake-deleted/enrolments"
    whole = rows_of("enrolments")
    # Enrolments that never were, and the deletion that takes them back: their file stays until a vacuum.
    mistaken = whole.set_column(whole.column_names.index("batch_id"), "batch_id", pa.array(["01325000048904434079"] * whole.num_rows))
    write_deltalake(place, whole, partition_by=["date"], mode="append")
    write_deltalake(place, mistaken, partition_by=["date"], mode="append")
    DeltaTable(place).delete("batch_id = '01325000048904434079'")


if __name__ == "__main__":
    main(sys.argv[1])
