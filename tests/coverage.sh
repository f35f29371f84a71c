#!/usr/bin/env bash
# Measures how many lines of src the tests run: a summary for each room, and the total. Needs cargo-llvm-cov
# (`cargo install cargo-llvm-cov`) and the component llvm-tools (`rustup component add llvm-tools`).
# The instrumented build takes as long as a cold one, in a target folder of its own.
#
#   tests/coverage.sh                all tests
#   tests/coverage.sh nightly::      the tests whose names contain this
#   tests/coverage.sh --html ...     pages of all lines as well, below target/llvm-cov/html
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo llvm-cov --version >/dev/null 2>&1; then
    echo "cargo-llvm-cov is missing; install it with: cargo install cargo-llvm-cov" >&2
    exit 2
fi
html=0
if [ "${1:-}" = --html ]; then
    shift
    html=1
fi
export RUST_BACKTRACE=0
export NEXTEST_TEST_THREADS="${NEXTEST_TEST_THREADS:-$((2 * $(getconf _NPROCESSORS_ONLN)))}"
command=(test)
if cargo nextest --version >/dev/null 2>&1; then
    command=(nextest)
fi
# Processes that tests start are counted as well: they inherit the place of the profiles from the environment.
cargo llvm-cov "${command[@]}" --no-report --no-fail-fast --features cluster,delta "$@"
report="${CARGO_TARGET_DIR:-target}/llvm-cov/summary.json"
mkdir -p "$(dirname "$report")"
cargo llvm-cov report --json --summary-only --output-path "$report"
if [ "$html" = 1 ]; then
    cargo llvm-cov report --html
fi

python3 - "$report" "$PWD/src/" <<'PYTHON'
import collections
import json
import sys

report, source = sys.argv[1:]
with open(report, encoding="utf-8") as file:
    files = json.load(file)["data"][0]["files"]
rooms = collections.defaultdict(lambda: [0, 0])
for entry in files:
    if not entry["filename"].startswith(source):
        continue
    room = entry["filename"][len(source):].split("/")[0].removesuffix(".rs")
    lines = entry["summary"]["lines"]
    for name in (room, "all"):
        rooms[name][0] += lines["covered"]
        rooms[name][1] += lines["count"]
print(f"{'room':<16}{'lines':>8}{'run':>8}{'share':>9}")
for name in sorted(rooms, key=lambda name: (name == "all", name)):
    covered, count = rooms[name]
    print(f"{name:<16}{count:>8}{covered:>8}{covered / max(count, 1):>8.1%}")
PYTHON
