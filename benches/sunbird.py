"""Measures Pragati's mapping of Sunbird on a made-up dump and prints a table. Started by benches/sunbird.

A nightly run and a check over the raw tables are compared with the same over the same rows in canonical form, which
DuckDB made of the dump, and the nightly run with DuckDB's own mapping and reports. All three must give the same.
"""

import argparse
import datetime
import json
import os
import sys
from dataclasses import dataclass

import equality
import table
from command import PROJECT, at_least_one, existing_file, run
from compare import built_binary, machine, print_now, say
from contenders import HERE, texts
from contest import Contender, remove, run_in_turn
from equality import Different
from exports import made_once, recipe_of
from rows import Row

GENERATOR = HERE / "generate_sunbird.py"
PEER = HERE / "peers/duckdb_sunbird.py"
# What the dump is made by.
SOURCES = [GENERATOR, HERE / "generate_exports.py", HERE / "draws.py", *sorted(HERE.glob("sunbird_*.py"))]
AGAINST_CANONICAL = {"time_target": 2.0, "memory_target": 2.5}
AGAINST_DUCKDB = {"time_target": 0.6}


@dataclass(frozen=True)
class Size:
    """What generate_sunbird.py is asked for."""

    users: int
    enrolments: int
    batches: int
    courses: int
    contents: int


# `small` is for trying the command, `tiny` for checking that all agree; their ratios mean little.
SIZES = {
    "full": Size(300_000, 3_000_000, 3_000, 300, 100),
    "small": Size(30_000, 300_000, 300, 300, 100),
    "tiny": Size(1_000, 6_000, 60, 30, 30),
}


def main():
    options = parse_arguments()
    binary = options.binary or built_binary()
    target = PROJECT / "target"
    dump, canonical = made_exports(options.size, target / "bench-data")
    out = target / "bench-out/sunbird"
    nightly, check = contenders(binary, options.threads, dump, canonical, out)
    runs = 1 if options.check_only else options.runs
    took_nightly, took_check = run_in_turn(nightly, runs, say), run_in_turn(check, runs, say)
    require_equal(nightly, check)
    if options.check_only:
        print_now("the reports of all are equal, and the findings of both checks")
    else:
        print_table(options, json.loads((dump / "about.json").read_text()), took_nightly, took_check)
    if not options.keep:
        remove(out)


def made_exports(size, data):
    """The dump and the same rows in canonical form."""
    data.mkdir(parents=True, exist_ok=True)
    sizes = [text for name, count in vars(SIZES[size]).items() for text in (f"--{name}", str(count))]
    recipe = recipe_of(SIZES[size], SOURCES)
    dump = made_once(data / f"sunbird-{size}", recipe, lambda out: [GENERATOR, out, *sizes], say)
    threads = ["--threads", str(len(os.sched_getaffinity(0)))]
    recipe += recipe_of(SIZES[size], [PEER])
    command = lambda out: [PEER, "canonical", dump, out, *threads]
    return dump, made_once(data / f"sunbird-{size}-canonical", recipe, command, say)


def contenders(binary, threads, dump, canonical, out):
    """Who runs all reports, and who runs a check; Pragati over the raw tables comes first."""
    settings = ["--quiet", "--config", HERE / "pragati.toml", "--threads", threads]
    mapped = {"PRAGATI_STAGING": "sunbird"}

    def pragati(command, kind, exports, arguments, environment):
        written = out / f"{command}-{kind}"
        words = [binary, command, *settings, "--exports", exports, *arguments(written)]
        return Contender(f"Pragati {command}, {kind}", texts(words), written, environment)

    nightly, check = lambda written: ["--out", written], lambda written: ["--format", "json"]
    duckdb = out / "duckdb"
    command = [sys.executable, PEER, "nightly", dump, duckdb, "--threads", threads]
    return [
        pragati("nightly", "raw tables", dump, nightly, mapped),
        pragati("nightly", "canonical", canonical, nightly, {}),
        Contender("DuckDB, mapping and reports", texts(command), duckdb),
    ], [
        pragati("check", "raw tables", dump, check, mapped),
        pragati("check", "canonical", canonical, check, {}),
    ]


def require_equal(nightly, check):
    raw, canonical, duckdb = (contender.out for contender in nightly)
    equality.same_reports(raw, duckdb)
    # How many files the mart is divided into depends on the number of rows exported, which raw tables only let estimate.
    equality.same_bytes(raw, canonical, without=["report_mart"])
    ours, theirs = (findings(contender) for contender in check)
    for finding, other in zip(ours, theirs, strict=True):
        if finding != other:
            raise Different(f"the check of the raw tables found {finding}, that of the canonical ones {other}")


def findings(check):
    """What a check printed as JSON; only that of raw tables tells which mapping it used."""
    said = check.out.with_name(check.out.name + ".log").read_text()
    return [finding for finding in json.loads(said[said.index("[\n") :]) if finding["rule"] != "mapping_used"]


def print_table(options, about, nightly, check):
    raw, canonical, duckdb = nightly
    print_now(f"{datetime.date.today()}, {machine()}, {options.threads} threads, medians of {options.runs};")
    counts = ", ".join(f"{about[what]:,} {what.replace('_', ' ')}" for what in ("users", "enrolments", "content_states"))
    print_now(f"{counts}\n")
    print_now(table.HEAD)
    pragati, peer = "Pragati, canonical", "DuckDB, mapping and reports"
    for row in [
        Row("nightly, raw tables", raw, pragati, canonical, **AGAINST_CANONICAL, checked="same bytes"),
        Row("nightly, raw tables", raw, peer, duckdb, **AGAINST_DUCKDB, checked="same rows"),
        Row("check, raw tables", check[0], pragati, check[1], **AGAINST_CANONICAL, checked="same findings"),
    ]:
        print_now(table.line(row))


def parse_arguments():
    parser = argparse.ArgumentParser(prog="benches/sunbird", description=__doc__)
    parser.add_argument("--binary", type=existing_file, help="measure this program (default: cargo build --release)")
    parser.add_argument("--size", choices=SIZES, default="full", help="small, tiny: their ratios mean little")
    parser.add_argument("--runs", type=at_least_one, default=5, metavar="N", help="runs of each (default: %(default)s)")
    parser.add_argument("--check-only", action="store_true", help="run each once, to see whether all agree")
    threads = len(os.sched_getaffinity(0))
    parser.add_argument("--threads", type=at_least_one, default=threads, metavar="N", help="default: one a core")
    parser.add_argument("--keep", action="store_true", help="keep the outputs in target/bench-out")
    return parser.parse_args()


if __name__ == "__main__":
    run("sunbird", main)
