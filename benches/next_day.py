"""Writes exports of the day after others: of some batches, one enrolment is a day later; all else is the same.

usage: next_day.py FROM OUT --percent P
"""

import argparse
import shutil
from pathlib import Path

import duckdb

FROM_DAY, DAY = "date=2026-11-22", "date=2026-11-23"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("exports", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--percent", type=int, required=True)
    options = parser.parse_args()
    for table in sorted(folder.name for folder in options.exports.iterdir() if (folder / FROM_DAY).is_dir()):
        target = options.out / table / DAY
        target.mkdir(parents=True)
        for file in sorted((options.exports / table / FROM_DAY).glob("*.parquet")):
            if table == "enrolments":
                change(file, target / file.name, options.percent)
            else:
                shutil.copyfile(file, target / file.name)
    shutil.copyfile(options.exports / "about.json", options.out / "about.json")


def change(file, target, percent):
    """The least user id of a batch in each file is the one that changes; which batches, the hash of the id says."""
    connection = duckdb.connect()
    connection.execute("set preserve_insertion_order = true")
    connection.execute(
        f"""
        copy (
            with first as (
                select batch_id, min(user_id) as user_id
                from read_parquet(?)
                where hash(batch_id) % 100 < {percent}
                group by batch_id
            )
            select rows.* replace (
                case when first.user_id is null then rows.enrolled_at else rows.enrolled_at + interval 1 day end as enrolled_at
            )
            from read_parquet(?) as rows
            left join first on rows.batch_id = first.batch_id and rows.user_id = first.user_id
        ) to '{target}' (format parquet, compression zstd)
        """,
        [str(file), str(file)],
    )


main()
