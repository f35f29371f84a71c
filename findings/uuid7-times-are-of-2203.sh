#!/usr/bin/env bash
# uuid7, the package of that name, makes UUIDs that say version 7, and puts another time into them than RFC 9562 does: seconds and their
# fraction, as an early draft had it, where the standard has milliseconds. Whoever reads the time of such an id, as PostgreSQL 18 and
# many libraries do, gets one in the year 2203; and in an index with ids of other makers its ids stand last, whenever they were made.
#
# Versions: uuid7 0.1.0, uuid6 2025.0.1 (PyPI)
# Seen, of an id made at 2026-11-30 00:53:20 UTC:
#   uuid7: version 7, time by RFC 9562: 2203-02-12 16:53:20 UTC
#   an id of uuid6's uuid7(), made a year later, sorts before it: True
# For whom: who takes the time of an event or a request from its id, or pages through a table by ids.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet uuid7==0.1.0 uuid6==2025.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datetime, time
from unittest import mock
import uuid6
from uuid_extensions import uuid7

def standard_time(identifier):
    """The time that RFC 9562, section 5.7, has in the first 48 bits, in milliseconds."""
    milliseconds = identifier.int >> 80
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=milliseconds)

made = 1_796_000_000 * 10**9
early = uuid7(ns=made)
print(f"uuid7: version {early.version}, time by RFC 9562: {standard_time(early):%Y-%m-%d %H:%M:%S} UTC")
with mock.patch.object(time, "time_ns", return_value=made + 365 * 86_400 * 10**9):
    late = uuid6.uuid7()
assert standard_time(late) == datetime.datetime(2027, 11, 30, 0, 53, 20)
print("an id of uuid6's uuid7(), made a year later, sorts before it:", late < early)
assert early.version == 7 and standard_time(early).year == 2203 and late < early, "the behaviour has changed"
PYTHON
