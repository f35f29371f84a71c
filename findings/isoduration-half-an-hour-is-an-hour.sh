#!/usr/bin/env bash
# isoduration adds an ISO 8601 duration to a time, and rounds each part of the sum: an hour and a half later is two hours later, half a second
# is one, and half a year a whole one. The duration itself keeps its fraction, and comes out of format_duration as it was.
#
# Versions: isoduration 20.11.0 (PyPI)
# Seen, of 2026-11-29 10:00:00:
#   + PT90M = 2026-11-29 11:30:00
#   + PT1.5H = 2026-11-29 12:00:00
#   + PT0.5S = 2026-11-29 10:00:01
#   + P0.5Y = 2027-11-29 10:00:00
# For whom: services that compute ends of sessions from the durations of xAPI, SCORM 2004 or cmi5, whose seconds have fractions as a rule.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet isoduration==20.11.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datetime
from isoduration import format_duration, parse_duration

start = datetime.datetime(2026, 11, 29, 10)
expected = {
    "PT90M": "2026-11-29 11:30:00",
    "PT1.5H": "2026-11-29 12:00:00",
    "PT0.5S": "2026-11-29 10:00:01",
    "P0.5Y": "2027-11-29 10:00:00",
}
for text, end in expected.items():
    duration = parse_duration(text)
    assert format_duration(duration) == text
    seen = str(start + duration)
    print(f"+ {text} = {seen}")
    assert seen == end, "the behaviour has changed"
PYTHON
