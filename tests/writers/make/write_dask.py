"""Dask: to_parquet partitioned by date. It makes text of every object, so mentors become lists as Python prints them."""
import shutil
import sys

import dask.dataframe as dd
import pandas as pd

from rows import DAY, DAYS, TABLES, rows

out = sys.argv[1]
for table in TABLES:
    if table != "batches":
        shutil.copytree(f"{out}/pandas/{table}", f"{out}/dask/{table}")
frame = pd.DataFrame(rows("batches"))
for name in DAYS:
    frame[name] = frame[name].astype("datetime64[us]")
frame["date"] = DAY
dd.from_pandas(frame, npartitions=1).to_parquet(f"{out}/dask/batches", partition_on=["date"], write_index=False)
