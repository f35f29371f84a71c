#!/usr/bin/env bash
# pycron says whether a schedule is due. cron knows Sunday as 0 and as 7, and months by their names; pycron takes 7 for a day that never comes,
# so a weekly job is never due, and one from Friday to Sunday is not due on Sunday. Names of months are never due either, though names of
# days are known. Nothing is raised.
#
# Versions: pycron 3.3.0 (PyPI)
# Seen, on Sunday 2026-11-29 at 02:00:
#   0 2 * * 0: True
#   0 2 * * sun: True
#   0 2 * * 7: False
#   0 2 * * 5-7: False
#   0 2 * 11 *: True
#   0 2 * nov *: False
# For whom: services in Python that run weekly reports or a yearly archive by a schedule in their settings.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pycron==3.3.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from datetime import datetime
import pycron

sunday = datetime(2026, 11, 29, 2)
expected = {
    "0 2 * * 0": True,
    "0 2 * * sun": True,
    "0 2 * * 7": False,
    "0 2 * * 5-7": False,
    "0 2 * 11 *": True,
    "0 2 * nov *": False,
}
for schedule, due in expected.items():
    seen = pycron.is_now(schedule, sunday)
    print(f"{schedule}: {seen}")
    assert seen is due, "the behaviour has changed"
PYTHON
