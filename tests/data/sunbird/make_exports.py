#!/usr/bin/env python3
"""Turns raw/ into exports/<table>/date=2020-07-01/part-00000.parquet. usage: make_exports.py"""
import ast
import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
DATE = "2020-07-01"
TABLES = {
    "user": "user_data.json",
    "organisation": "organisation.json",
    "user_org": "user_org_data.csv",
    "location": "location_data.csv",
    "usr_external_identity": "user_external_data.csv",
    "user_enrolments": "user_courses_data.csv",
    "course_batch": "course_batch_data.csv",
    "system_settings": "system_settings.csv",
}
LISTS = {"locationids", "createdfor", "mentors"}
INTEGERS = {"completionpercentage"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file) if path.suffix == ".json" else list(csv.DictReader(file))


def column(name, values):
    if name in LISTS:
        lists = [ast.literal_eval(v) if isinstance(v, str) and v else v or None for v in values]
        return pa.array(lists, pa.list_(pa.string()))
    if name in INTEGERS:
        return pa.array([int(v) if v else None for v in values], pa.int32())
    return pa.array([None if v is None else str(v) for v in values], pa.string())


for table, source in TABLES.items():
    rows = read(HERE / "raw" / source)
    names = list(rows[0])
    columns = {name: column(name, [row.get(name) for row in rows]) for name in names}
    folder = HERE / "exports" / table / f"date={DATE}"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / "part-00000.parquet")
