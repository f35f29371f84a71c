#!/usr/bin/env bash
# Copies the Parquet files of tests/writers into the corpus of the target `exported_rows`, and where pyarrow is installed, writes
# one with 100 row groups.
set -euo pipefail
cd "$(dirname "$0")"
corpus=corpus/exported_rows
mkdir -p "$corpus"
find ../tests/writers -type f ! -path '*/_delta_log/*' ! -path '*/metadata/*' ! -path '*/make/*' ! -path '*/expected*' | while read -r file; do
    if head -c 4 "$file" | grep -qa PAR1; then
        cp "$file" "$corpus/$(sha256sum "$file" | cut -c 1-16)"
    fi
done
python3 - "$corpus/row-groups" <<'PYTHON' || echo "without pyarrow, no file of many row groups"
import sys

import pyarrow as pa
import pyarrow.parquet as pq

ids = [f"u{number}" for number in range(100)]
rows = {"user_id": ids, "course_id": ["c1"] * 100, "batch_id": ["b1"] * 100}
progress = {"progress_percent": [float(number) for number in range(100)], "completed_at": pa.nulls(100, pa.timestamp("us", "UTC"))}
pq.write_table(pa.table(rows | progress), sys.argv[1], row_group_size=1)
PYTHON
ls "$corpus" | wc -l
