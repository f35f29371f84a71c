#!/usr/bin/env bash
# cqlsh's COPY TO writes a float of 100,000 or more with five digits and a double of 10^12 or more with twelve, in all: its options
# FLOATPRECISION=5 and DOUBLEPRECISION=12 are digits after the point for smaller values alone. Doubles within maps and lists are written
# as floats are, with five, also with DOUBLEPRECISION=17. Shown on the part of cqlsh that writes a value, without a server.
#
# Versions: cqlsh 6.2.2, cassandra-driver 3.30.1 (PyPI)
# Seen:
#   float 33.333332 -> 33.33333
#   float 86399.0 -> 86399
#   float 123456.0 -> 1.2346e+05
#   double 99.99999999999 -> 99.99999999999
#   double 1795946400123.0 -> 1.79594640012e+12
#   map<text, double> {'seconds': 123456.789, 'score': 33.333333333333336} -> {'score': 33.33333, 'seconds': 1.2346e+05}
# For whom: tables of Cassandra and YugabyteDB's YCQL that are exported as CSV, and loaded again or turned into Parquet.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-deps cqlsh==6.2.2 cassandra-driver==3.30.1 wcwidth==0.2.13
"$work/venv/bin/python" - <<'PYTHON'
from types import SimpleNamespace
from cassandra.cqltypes import DoubleType, FloatType
from cqlshlib.copyutil import CopyTask, ExportProcess
from cqlshlib.formatting import CqlType

shell = SimpleNamespace(
    display_timestamp_format="%Y-%m-%d %H:%M:%S.%f%z", display_date_format="%Y-%m-%d", display_nanotime_format="%H:%M:%S.%N",
    consistency_level=1,
)
task = CopyTask.__new__(CopyTask)
task.shell, task.config_file, task.ks, task.table = shell, "", "ks", "progress"
options = task.parse_options({}, "to").copy
writer = ExportProcess.__new__(ExportProcess)
writer.formatters, writer.encoding, writer.date_time_format = {}, options["encoding"], None
writer.nullval, writer.boolean_styles = options["nullval"], options["boolstyle"]
writer.decimal_sep, writer.thousands_sep = options["decimalsep"], options["thousandssep"]
writer.float_precision, writer.double_precision = options["floatprecision"], options["doubleprecision"]
seen = []
for name, cql, values in (
    ("float", FloatType, (33.333332, 86399.0, 123456.0)),
    ("double", DoubleType, (99.99999999999, 1795946400123.0)),
):
    for value in values:
        stored = cql.deserialize(cql.serialize(value, 4), 4)
        written = writer.format_value(stored, CqlType(name))
        print(f"{name} {value} -> {written}")
        seen.append(written)
writer.double_precision = 17
scores = {"seconds": 123456.789, "score": 33.333333333333336}
in_map = writer.format_value(scores, CqlType("map<text, double>"))
print(f"map<text, double> {scores} -> {in_map}")
assert in_map == "{'score': 33.33333, 'seconds': 1.2346e+05}", "the behaviour has changed"
assert seen == ["33.33333", "86399", "1.2346e+05", "99.99999999999", "1.79594640012e+12"], "the behaviour has changed"
PYTHON
