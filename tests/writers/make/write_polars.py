"""Polars: sink_parquet partitioned by date. Course and tenant are categoricals, times are milliseconds without a zone."""
import sys

import polars as pl

from rows import DAY, DAYS, TABLES, TIMES, columns, naive

TYPES = {"active": pl.Boolean, "progress_percent": pl.Float32, "mentors": pl.List(pl.String), "course_id": pl.Categorical, "tenant_id": pl.Categorical}


def typed(name, values):
    if name in TIMES:
        return pl.Series(name, [naive(value) for value in values], pl.Datetime("ms"))
    if name in DAYS:
        return pl.Series(name, values, pl.Date)
    return pl.Series(name, values, TYPES.get(name, pl.String))


for table in TABLES:
    frame = pl.DataFrame([typed(name, values) for name, values in columns(table).items()])
    if table == "users":
        # A column without any value, whose type nobody stated.
        frame = frame.with_columns(pl.lit(None).alias("block_name"))
    frame = frame.with_columns(pl.lit(DAY).alias("date"))
    frame.lazy().sink_parquet(pl.PartitionBy(f"{sys.argv[1]}/polars/{table}", key="date", include_key=False), mkdir=True)
