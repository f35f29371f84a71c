"""pyarrow: write_to_dataset, partitioned by date. pyarrow-dictionary has dictionary columns, small row groups and pages of version 2."""
import sys

import pyarrow as pa
import pyarrow.parquet as pq

from rows import DAY, DAYS, TABLES, TIMES, columns


def typed(name, values):
    if name in TIMES:
        return pa.array(values, pa.timestamp("us", "UTC"))
    if name in DAYS:
        return pa.array(values, pa.date32())
    if name == "mentors":
        return pa.array(values, pa.list_(pa.string()))
    if name == "active":
        return pa.array(values, pa.bool_())
    if name == "progress_percent":
        return pa.array(values, pa.float64())
    return pa.array(values, pa.string())


def dictionary_encoded(name, values):
    """As pandas categoricals and Parquet of dictionary arrays come."""
    array = typed(name, values)
    return array.dictionary_encode() if array.type == pa.string() else array


def write(out, writer, make, **options):
    for table in TABLES:
        arrays = {name: make(name, values) for name, values in columns(table).items()}
        rows = pa.table(arrays)
        rows = rows.append_column("date", pa.array([DAY] * rows.num_rows))
        pq.write_to_dataset(rows, f"{out}/{writer}/{table}", partition_cols=["date"], basename_template="part-{i}.parquet", **options)


if __name__ == "__main__":
    write(sys.argv[1], "pyarrow", typed)
    write(sys.argv[1], "pyarrow-dictionary", dictionary_encoded, compression="zstd", data_page_version="2.0", write_page_checksum=True, row_group_size=4)
