#!/usr/bin/env bash
# indic-numtowords says 110, 120, 130, 150, 160, 170 and 190 in Kannada with one and the same half word, ನೂ, and so the same hundreds within larger
# numbers; 82 and 83 are the same word, too. In Meitei, 89 and 99 are one. Numbers between, such as 112, are right.
#
# Versions: indic-numtowords 1.1.0 (PyPI)
# Seen:
#   kn: 82 ಎಂಬತ್ತೆರಡು, 83 ಎಂಬತ್ತೆರಡು, 110 ನೂ, 120 ನೂ, 190 ನೂ, 112 ನೂರಹನ್ನೆರಡು
#   mni: 89 ꯃꯔꯐꯨ ꯃꯥꯄꯟ, 99 ꯃꯔꯐꯨ ꯃꯥꯄꯟ
# For whom: voice messages and screen readers that say counts and percents of learners in their languages.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet indic-numtowords==1.1.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from indic_numtowords import num2words

def said(lang, numbers):
    words = {number: num2words(number, lang=lang) for number in numbers}
    print(f"{lang}: " + ", ".join(f"{number} {text}" for number, text in words.items()))
    return words

kannada = said("kn", [82, 83, 110, 120, 190, 112])
meitei = said("mni", [89, 99])
hindi = said("hi", [82, 83, 89, 99, 110, 120, 190, 112])
assert len(set(hindi.values())) == 8, "the comparison has changed"
assert kannada[82] == kannada[83] and kannada[110] == kannada[120] == kannada[190] == "ನೂ", "the behaviour has changed"
assert meitei[89] == meitei[99], "the behaviour has changed"
PYTHON
