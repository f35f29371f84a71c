"""Measures Pragati against its peers and prints the table of docs/performance.md. Started by benches/compare.

Everything that it makes is below target/: bench-data holds the exports, bench-out what was written last.
"""

import argparse
import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

import incremental
import table
from command import PROJECT, at_least_one, existing_file, run, some_of
from contenders import Contenders
from contest import EMPTIED, Failed, remove
from exports import SIZES
from rows import Rows

ROWS = {
    "nightly": Rows.nightly,
    "many-batches": Rows.many_batches,
    "large": Rows.large,
    "limits": Rows.limits,
    "one": Rows.one,
    "view": Rows.view,
    "check": Rows.check,
    "mart": Rows.mart,
    "split": Rows.split,
    "ratio": Rows.ratio,
    "ratio-by-day": Rows.ratio_by_day,
    "metrics": Rows.metrics,
    "incremental": incremental.rows,
}
# Those that are measured where nothing is said.
USUAL = [name for name in ROWS if name not in ("incremental", "check")]
PEERS = ["duckdb", "polars", "spark"]


def main():
    options = parse_arguments()
    target = PROJECT / "target"
    data, out = target / "bench-data", target / "bench-out"
    data.mkdir(parents=True, exist_ok=True)
    contenders = Contenders(options.binary or built_binary(), out, options.threads)
    rows = Rows(contenders, SIZES[options.size], data, options.peers, options.runs, say)
    rows.earlier = Contenders(options.earlier, out, options.threads) if options.earlier else None
    print_now(f"{datetime.date.today()}, {machine()}, {options.threads} threads, medians of {options.runs}\n")
    print_now(table.HEAD)
    for name in options.only:
        say(name)
        for row in ROWS[name](rows):
            print_now(table.line(row))
        remove(out / EMPTIED if options.keep else out)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="benches/compare", description=__doc__)
    parser.add_argument("--binary", type=existing_file, help="measure this program (default: cargo build --release)")
    parser.add_argument("--size", choices=SIZES, default="full", help="small: a quick trial; its ratios mean little")
    usual = f"rows: {','.join(ROWS)} (default: all but incremental and check)"
    parser.add_argument("--only", type=some_of(ROWS), default=USUAL, help=usual)
    parser.add_argument("--incremental", dest="only", action="store_const", const=["incremental"], help="the same as --only incremental")
    parser.add_argument("--earlier", type=existing_file, metavar="PROGRAM", help="an earlier build, the peer of incremental nights and of check")
    parser.add_argument("--peers", type=some_of(PEERS), default=PEERS, help="duckdb (always), polars, spark; default: all")
    parser.add_argument("--runs", type=at_least_one, default=5, metavar="N", help="runs of each (default: %(default)s)")
    parser.add_argument("--threads", type=at_least_one, default=len(os.sched_getaffinity(0)), metavar="N", help="default: one a core")
    parser.add_argument("--keep", action="store_true", help="keep the outputs in target/bench-out")
    return parser.parse_args()


def built_binary():
    built = subprocess.run(["cargo", "build", "--release"], cwd=PROJECT)
    if built.returncode != 0:
        raise Failed("cargo build --release failed; --binary PATH measures a program that is already built")
    folder = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    return PROJECT / folder / "release/pragati"


def machine():
    """Processor and memory, where Linux tells."""
    models = [line.split(":", 1)[1].strip() for line in lines_of("/proc/cpuinfo") if line.startswith("model name")]
    total = [int(line.split()[1]) for line in lines_of("/proc/meminfo") if line.startswith("MemTotal")]
    memory = f", {total[0] / 2**20:.0f} GiB" if total else ""
    return (models[0] if models else platform.machine()) + memory


def lines_of(path):
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []


def say(text):
    print(text, file=sys.stderr, flush=True)


def print_now(text):
    print(text, flush=True)


if __name__ == "__main__":
    run("compare", main)
