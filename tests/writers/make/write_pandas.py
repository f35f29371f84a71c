"""pandas with pyarrow: DataFrame.to_parquet, partitioned by date, with the types that pandas guesses from Python's values."""
import sys

import pandas as pd

from rows import DAY, TABLES, rows

for table in TABLES:
    frame = pd.DataFrame(rows(table))
    frame["date"] = DAY
    frame.to_parquet(f"{sys.argv[1]}/pandas/{table}", engine="pyarrow", partition_cols=["date"], basename_template="part-{i}.parquet")
