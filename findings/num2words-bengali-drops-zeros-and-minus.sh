#!/usr/bin/env bash
# num2words says 1.05 in Bengali as one point five, as it says 1.5: zeros after the point are left out, and so is the minus. In Kannada one
# lakh is "one one lakh", and twelve lakh "twelve one lakh". English, of India too, says each of them.
#
# Versions: num2words 0.5.14 (PyPI)
# Seen:
#   bn: 1.05 এক দশমিক পাঁচ, 1.5 এক দশমিক পাঁচ, -5 পাঁচ, 5 পাঁচ
#   en_IN: 1.05 one point zero five, 1.5 one point five, -5 minus five, 5 five
#   kn: 100000 ಒಂದು ಒಂದು ಲಕ್ಷ, 1200000 ಹನ್ನೆರಡು ಒಂದು ಲಕ್ಷ
# For whom: certificates, mails and voice messages that say marks, percents or amounts in words.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet num2words==0.5.14
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from num2words import num2words

def said(lang, numbers):
    words = [num2words(number, lang=lang) for number in numbers]
    print(f"{lang}: " + ", ".join(f"{number} {text}" for number, text in zip(numbers, words)))
    return words

bengali = said("bn", [1.05, 1.5, -5, 5])
english = said("en_IN", [1.05, 1.5, -5, 5])
kannada = said("kn", [100000, 1200000])
assert len(set(english)) == 4, "the comparison has changed"
assert bengali[0] == bengali[1] and bengali[2] == bengali[3], "the behaviour has changed"
assert kannada == ["ಒಂದು ಒಂದು ಲಕ್ಷ", "ಹನ್ನೆರಡು ಒಂದು ಲಕ್ಷ"], "the behaviour has changed"
PYTHON
