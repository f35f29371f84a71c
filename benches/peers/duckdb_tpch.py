#!/usr/bin/env python3
"""DuckDB over the files of TPC-H: one query as a whole process, or a connection for several.

usage: duckdb_tpch.py EXPORTS QUERY.sql OUT.parquet --threads N
"""

import argparse
from pathlib import Path

import duckdb

TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]


def connect(exports, threads):
    connection = duckdb.connect(config={"threads": threads})
    for table in TABLES:
        connection.read_parquet(f"{exports}/{table}/date=*/*.parquet", hive_partitioning=False).create_view(table)
    return connection


def main():
    options = parse_arguments()
    rows = connect(options.exports, options.threads).sql(options.query.read_text())
    rows.write_parquet(options.out)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("exports", metavar="EXPORTS")
    parser.add_argument("query", type=Path, metavar="QUERY")
    parser.add_argument("out", metavar="OUT", help="Parquet file to write")
    parser.add_argument("--threads", type=int, required=True, metavar="N")
    return parser.parse_args()


if __name__ == "__main__":
    main()
