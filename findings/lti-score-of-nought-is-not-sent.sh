#!/usr/bin/env bash
# lti answers a question for a result (readResult of LTI 1.1) with the score, but for one of 0: that answer has no result, which is how a
# learner without an attempt is told from one with 0 points. Given as the text "0", it is there.
#
# Versions: lti 0.9.5 (PyPI)
# Seen:
#   score 0.5: <result> with 0.5
#   score 0.0: no <result>
#   score "0": <result> with 0
# For whom: platforms in Python that hand grades to tools; a tool that sees no result may let the learner try again, or send an old one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet lti==0.9.5
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import re
from lti import OutcomeResponse

def answered(score):
    response = OutcomeResponse(message_identifier="1", message_ref_identifier="1", operation="readResult", code_major="success",
                               severity="status", description="read", score=score)
    xml = response.generate_response_xml().decode()
    found = re.search(r"<textString>(.*?)</textString>", xml)
    return f"<result> with {found[1]}" if found else "no <result>"

for score, expected in ((0.5, "<result> with 0.5"), (0.0, "no <result>"), ("0", "<result> with 0")):
    seen = answered(score)
    shown = f'"{score}"' if isinstance(score, str) else score
    print(f"score {shown}: {seen}")
    assert seen == expected, "the behaviour has changed"
PYTHON
