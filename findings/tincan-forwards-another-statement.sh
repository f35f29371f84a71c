#!/usr/bin/env bash
# A statement of xAPI that the Python library reads and writes again is another one: a duration of a month or a year becomes one of
# days, seconds keep six of their decimals, without rounding, and an extension whose value is null, which xAPI allows, is gone.
#
# Versions: tincan 1.0.0, aniso8601 10.0.1 (PyPI)
# Seen:
#   P1M -> P30DT00H00M00S
#   P1Y -> P365DT00H00M00S
#   2026-11-29T10:00:00.9999999Z -> 2026-11-29T10:00:00.999999+00:00
#   extensions with null -> ['https://example.org/attempt']
# For whom: services that forward statements between an LMS and a learning record store, or compare them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet tincan==1.0.0 aniso8601==10.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
from tincan import Statement

def forwarded(duration):
    statement = {
        "actor": {"mbox": "mailto:learner@example.org"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
        "object": {"id": "https://example.org/course"},
        "timestamp": "2026-11-29T10:00:00.9999999Z",
        "result": {
            "duration": duration,
            "extensions": {"https://example.org/attempt": 1, "https://example.org/mentor": None},
        },
    }
    return json.loads(Statement.from_json(json.dumps(statement)).to_json())

month, year = forwarded("P1M"), forwarded("P1Y")
extensions = sorted(month["result"]["extensions"])
print("P1M ->", month["result"]["duration"])
print("P1Y ->", year["result"]["duration"])
print("2026-11-29T10:00:00.9999999Z ->", month["timestamp"])
print("extensions with null ->", extensions)
assert (month["result"]["duration"], year["result"]["duration"]) == ("P30DT00H00M00S", "P365DT00H00M00S"), "the behaviour has changed"
assert month["timestamp"] == "2026-11-29T10:00:00.999999+00:00", "the behaviour has changed"
assert extensions == ["https://example.org/attempt"], "the behaviour has changed"
PYTHON
