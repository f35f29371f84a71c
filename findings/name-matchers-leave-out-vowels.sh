#!/usr/bin/env bash
# thefuzz and fuzzball clean texts before they compare them, and take the vowel signs of Indian scripts for punctuation: मीना (Meena) and मैना
# (Maina) become the same letters म and न, and are 100 of 100 alike, as are கமல் and கமலா in Tamil. In Latin script, Kamal and Kamala are
# not. Asked for the best match of a name, fuzzball gives both names 100, and thefuzz too.
#
# Versions: thefuzz 0.22.1, rapidfuzz 3.14.6 (PyPI), fuzzball 2.2.6 (npm)
# Seen, token set ratio:
#   thefuzz: मीना मैना 100, कमल कमला 100, கமல் கமலா 100, Kamal Kamala 91
#   fuzzball: मीना मैना 100, कमल कमला 100, கமல் கமலா 100, Kamal Kamala 91
# For whom: who joins lists of learners or schools by their names because they have no common id.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet thefuzz==0.22.1 rapidfuzz==3.14.6
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund fuzzball@2.2.6
cat >names.cjs <<'NODE'
const { token_set_ratio: ratio } = require('fuzzball')
console.log(JSON.stringify(JSON.parse(process.argv[2]).map(([one, other]) => ratio(one, other))))
NODE
"$work/venv/bin/python" - <<'PYTHON'
import json, subprocess
from thefuzz import fuzz, process

pairs = [("मीना", "मैना"), ("कमल", "कमला"), ("கமல்", "கமலா"), ("Kamal", "Kamala")]
by_thefuzz = [fuzz.token_set_ratio(*pair) for pair in pairs]
by_fuzzball = json.loads(subprocess.run(["node", "names.cjs", json.dumps(pairs)], check=True, capture_output=True, text=True).stdout)
for library, ratios in (("thefuzz", by_thefuzz), ("fuzzball", by_fuzzball)):
    print(f"{library}: " + ", ".join(f"{one} {other} {ratio}" for (one, other), ratio in zip(pairs, ratios)))
    assert ratios == [100, 100, 100, 91], "the behaviour has changed"
assert process.extractOne("मीना", ["मैना"])[1] == 100, "the behaviour has changed"
PYTHON
