#!/usr/bin/env bash
# A field of an XBlock that holds a time, as Open edX keeps begins and deadlines, writes it without its zone and reads it back as UTC: a
# deadline of half past ten in India becomes half past ten in UTC, five hours and a half later. A text with a zone is read rightly, and times
# in UTC are right both ways.
#
# Versions: XBlock 6.1.0 (PyPI)
# Seen:
#   2026-11-29 10:30:00+05:30 written: 2026-11-29T10:30:00.000000, read: 2026-11-29 10:30:00+00:00
#   2026-11-29 05:00:00+00:00 written: 2026-11-29T05:00:00.000000, read: 2026-11-29 05:00:00+00:00
#   the text 2026-11-29T10:30:00+05:30 read: 2026-11-29 05:00:00+00:00
# For whom: authors of XBlocks whose code gets times in a zone of a site; progress after a deadline counts for those who were late.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet XBlock==6.1.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from datetime import datetime, timedelta, timezone
from xblock.fields import DateTime

field = DateTime()
seen = []
for due in (datetime(2026, 11, 29, 10, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))), datetime(2026, 11, 29, 5, tzinfo=timezone.utc)):
    written = field.to_json(due)
    read = field.from_json(written)
    print(f"{due} written: {written}, read: {read}")
    seen.append(read - due)
text = field.from_json("2026-11-29T10:30:00+05:30")
print(f"the text 2026-11-29T10:30:00+05:30 read: {text}")
assert str(text) == "2026-11-29 05:00:00+00:00", "the comparison has changed"
assert seen == [timedelta(hours=5, minutes=30), timedelta(0)], "the behaviour has changed"
PYTHON
