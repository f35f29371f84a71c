#!/usr/bin/env bash
# cqlsh's COPY TO puts a backslash before a quote, where RFC 4180 doubles it, and quotes a cell only for a comma: a column of JSON text is
# read by Polars with its quotes gone, by Python's csv cut at the first comma, by pyarrow not at all, and by DuckDB as it was if a comma
# is in it, with backslashes if not. With ESCAPE='"' all four read the same, but COPY has also doubled each backslash of the text, and
# has made a line end the letters \n, so that JSON with a quote in a name is no JSON. Shown on the part of cqlsh that writes, without a
# server.
#
# Versions: cqlsh 6.2.2, cassandra-driver 3.30.1, polars 2.1.0, pyarrow 26.0.1, duckdb 2.0.1 (PyPI)
# Seen, of [{"type":"block","id":"b1"}], {"id":"b1"} and {"name":"Block \"A\""}:
#   default polars ['[{\\type\\:\\block\\,\\id\\:\\b1\\}]', '{\\"id\\":\\"b1\\"}', '{\\"name\\":\\"Block \\\\\\\\\\"A\\\\\\\\\\"\\"}']
#   default python ['[{\\type\\":\\"block\\"', '{\\"id\\":\\"b1\\"}', '{\\"name\\":\\"Block \\\\\\\\\\"A\\\\\\\\\\"\\"}']
#   default pyarrow refused
#   default duckdb ['[{"type":"block","id":"b1"}]', '{\\"id\\":\\"b1\\"}', '{\\"name\\":\\"Block \\\\\\\\\\"A\\\\\\\\\\"\\"}']
#   ESCAPE='"', each of them ['[{"type":"block","id":"b1"}]', '{"id":"b1"}', '{"name":"Block \\\\"A\\\\""}']
# For whom: tables of Cassandra with JSON in text columns, such as Sunbird's places of a user, that are exported as CSV.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/cqlsh"
"$work/cqlsh/bin/pip" install --quiet --no-deps cqlsh==6.2.2 cassandra-driver==3.30.1 wcwidth==0.2.13
python3 -m venv "$work/readers"
"$work/readers/bin/pip" install --quiet polars==2.1.0 pyarrow==26.0.1 duckdb==2.0.1
cd "$work"
"$work/cqlsh/bin/python" - <<'PYTHON'
import csv
from types import SimpleNamespace
from cqlshlib.copyutil import CopyTask, ExportProcess
from cqlshlib.formatting import CqlType

shell = SimpleNamespace(
    display_timestamp_format="%Y-%m-%d %H:%M:%S.%f%z", display_date_format="%Y-%m-%d", display_nanotime_format="%H:%M:%S.%N",
    consistency_level=1,
)
task = CopyTask.__new__(CopyTask)
task.shell, task.config_file, task.ks, task.table = shell, "", "ks", "users"
for name, chosen in (("default", {}), ("escape", {"escape": '"'})):
    options = task.parse_options(chosen, "to")
    process = ExportProcess.__new__(ExportProcess)
    process.formatters, process.encoding, process.date_time_format = {}, options.copy["encoding"], None
    process.nullval, process.boolean_styles = options.copy["nullval"], options.copy["boolstyle"]
    process.decimal_sep, process.thousands_sep = options.copy["decimalsep"], options.copy["thousandssep"]
    process.float_precision, process.double_precision = options.copy["floatprecision"], options.copy["doubleprecision"]
    with open(f"{name}.csv", "w", newline="") as file:
        writer = csv.writer(file, **options.dialect)
        writer.writerow(["user", "places"])
        for user, places in enumerate(['[{"type":"block","id":"b1"}]', '{"id":"b1"}', r'{"name":"Block \"A\""}']):
            writer.writerow([user, process.format_value(places, CqlType("text"))])
PYTHON
"$work/readers/bin/python" - <<'PYTHON'
import csv
import duckdb, polars as pl, pyarrow as pa, pyarrow.csv

def in_pyarrow(file):
    try:
        return pa.csv.read_csv(file)["places"].to_pylist()
    except pa.ArrowInvalid:
        return "refused"

readers = {
    "polars": lambda file: pl.read_csv(file)["places"].to_list(),
    "python": lambda file: [row["places"] for row in csv.DictReader(open(file, newline=""))],
    "pyarrow": in_pyarrow,
    "duckdb": lambda file: [row[0] for row in duckdb.sql(f"select places from read_csv('{file}', all_varchar = true)").fetchall()],
}
bare = [r'{\"id\":\"b1\"}', r'{\"name\":\"Block \\\\\"A\\\\\"\"}']
expected = {
    "polars": [r"[{\type\:\block\,\id\:\b1\}]", *bare],
    "python": [r'[{\type\":\"block\"', *bare],
    "pyarrow": "refused",
    "duckdb": ['[{"type":"block","id":"b1"}]', *bare],
}
escaped = ['[{"type":"block","id":"b1"}]', '{"id":"b1"}', r'{"name":"Block \\"A\\""}']
for name, read in readers.items():
    default, chosen = read("default.csv"), read("escape.csv")
    print("default", name, default)
    print("ESCAPE='\"'", name, chosen)
    assert default == expected[name], "the behaviour has changed"
    assert chosen == escaped, "the behaviour has changed"
PYTHON
