#!/usr/bin/env bash
# Copies the Parquet files of tests/writers into the corpus of the target `exported_rows`.
set -euo pipefail
cd "$(dirname "$0")"
corpus=corpus/exported_rows
mkdir -p "$corpus"
find ../tests/writers -type f ! -path '*/_delta_log/*' ! -path '*/metadata/*' ! -path '*/make/*' ! -path '*/expected*' | while read -r file; do
    if head -c 4 "$file" | grep -qa PAR1; then
        cp "$file" "$corpus/$(sha256sum "$file" | cut -c 1-16)"
    fi
done
ls "$corpus" | wc -l
