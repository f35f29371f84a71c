#!/usr/bin/env bash
# nanoarrow gives Arrow's decimals to Python without their sign: -1.50 is a number of 37 digits, as its bytes are taken for a positive one.
# Values from 0 on are right.
#
# Versions: nanoarrow 0.9.0, pyarrow 26.0.1 (PyPI)
# Seen:
#   decimal128(9, 2): pyarrow ['-1.50', '0.05'], nanoarrow ['3.40282367E+36', '0.05']
#   decimal256(50, 2): pyarrow ['-1.50', '0.05'], nanoarrow ['1.1579208923731619542357098500868790785326998466564E+75', '0.05']
# For whom: clients that read answers or exports with nanoarrow in place of pyarrow: changes of marks, negative amounts, sums of them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet nanoarrow==0.9.0 pyarrow==26.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from decimal import Decimal
import nanoarrow
import pyarrow as pa

for type in (pa.decimal128(9, 2), pa.decimal256(50, 2)):
    changes = pa.array([Decimal("-1.50"), Decimal("0.05")], type)
    right, read = changes.to_pylist(), nanoarrow.Array(changes).to_pylist()
    print(f"{type}: pyarrow {[str(value) for value in right]}, nanoarrow {[str(value) for value in read]}")
    assert right == [Decimal("-1.50"), Decimal("0.05")], "the behaviour has changed"
    assert read[0] > 10**36 and read[1] == Decimal("0.05"), "the behaviour has changed"
PYTHON
