"""fastparquet: write in its hive scheme. Lists become JSON text; times are nanoseconds, days microseconds."""
import sys

import fastparquet
import pandas as pd

from rows import DAY, DAYS, TABLES, TIMES, columns, naive

for table in TABLES:
    frame = {}
    for name, values in columns(table).items():
        if name in TIMES:
            frame[name] = pd.Series([naive(value) for value in values], dtype="datetime64[ns]")
        elif name in DAYS:
            frame[name] = pd.Series(values, dtype="datetime64[us]")
        elif name == "active":
            frame[name] = pd.Series(values, dtype="boolean")
        elif name == "progress_percent":
            frame[name] = pd.Series(values, dtype="float64")
        else:
            frame[name] = pd.Series(values, dtype="object")
    frame = pd.DataFrame(frame)
    frame["date"] = DAY
    fastparquet.write(f"{sys.argv[1]}/fastparquet/{table}", frame, file_scheme="hive", partition_on=["date"], compression="SNAPPY", object_encoding={name: "json" if name == "mentors" else "utf8" for name in frame.columns[frame.dtypes == "object"]})
