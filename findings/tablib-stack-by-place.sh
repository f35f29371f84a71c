#!/usr/bin/env bash
# tablib stacks the rows of one list below those of another without a look at their headers: where the second has its columns in another order,
# its mobile numbers stand under names. Both lists have headers, and the stacked one too. Two columns of one name become one in dict, and
# the first is gone.
#
# Versions: tablib 3.10.0 (PyPI)
# Seen:
#   name, mobile and mobile, name stacked: [{'name': 'Asha', 'mobile': '98'}, {'name': '97', 'mobile': 'Bina'}]
#   columns score, score: [{'score': 2}]
# For whom: scripts that put the lists of several blocks or days together, and imports of Django's admin, which read lists by tablib.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet tablib==3.10.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import tablib

first = tablib.Dataset().load("name,mobile\nAsha,98\n", format="csv")
second = tablib.Dataset().load("mobile,name\n97,Bina\n", format="csv")
stacked = first.stack(second).dict
print("name, mobile and mobile, name stacked:", [dict(row) for row in stacked])
doubled = tablib.Dataset([1, 2], headers=["score", "score"]).dict
print("columns score, score:", [dict(row) for row in doubled])
assert [dict(row) for row in stacked] == [{"name": "Asha", "mobile": "98"}, {"name": "97", "mobile": "Bina"}], "the behaviour has changed"
assert [dict(row) for row in doubled] == [{"score": 2}], "the behaviour has changed"
PYTHON
