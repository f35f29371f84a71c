"""Times two builds of Pragati on exports of very many small files, and of very many small row groups. Started by benches/small_files.

Footers cost more than rows there: the figures say how often a run reads them. Both builds must give the same bytes.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from command import PROJECT, run
from contest import Contender, run_in_turn
from equality import Different

DATE = "2026-11-22"
TABLES = ["users", "enrolments", "course_progress"]
ROWS = 5_000  # asked for of each of the three tables


def main():
    options = parse_arguments()
    data, out = PROJECT / "target/bench-data", PROJECT / "target/bench-out/small-files"
    print(f"{'exports':20} {'command':8} {'this build':>11} {'against':>9} {'ratio':>6}", flush=True)
    for name, write in [("15,000 files", write_files), ("15,000 row groups", write_row_groups)]:
        folder = made(options.against, data / f"small-{name.split()[1]}", write)
        batch = pq.read_table(folder / "batches").column("batch_id")[0].as_py()
        for command, more in [("nightly", ["--out"]), ("report", ["--batch", batch, "-o"])]:
            ours, theirs = pair(options, folder, out, command, more)
            times = run_in_turn([ours, theirs], options.runs, lambda text: print(text, file=sys.stderr))
            if reports(ours.out) != reports(theirs.out):
                raise Different(f"{command} of {name}: the two builds differ")
            mine, other = times[0].seconds, times[1].seconds
            print(f"{name:20} {command:8} {mine:9.2f} s {other:7.2f} s {mine / other:6.2f}", flush=True)


def pair(options, folder, out, command, more):
    """The same command of both builds."""

    def contender(name, binary):
        written = out / f"{name}-{command}"
        words = [binary, command, "--quiet", "--config", PROJECT / "benches/pragati.toml", "--exports", folder, *more, written]
        return Contender(name, [str(word) for word in words], written)

    return contender("this build", options.binary), contender("against", options.against)


def reports(path):
    """The bytes of the reports, or of the one. Builds may differ in what else a night publishes, such as tables of the ratio."""
    if path.is_file():
        return path.read_bytes()
    return [(file.name, file.read_bytes()) for file in sorted(path.glob("*/csv/*/*.csv"))]


def made(binary, folder, write):
    """Exports of about 5,000 rows in each of three tables, with a file or a row group for each row; made once."""
    if not folder.exists():
        unfinished = folder.with_name(f".{folder.name}")
        shutil.rmtree(unfinished, ignore_errors=True)
        sizes = ["--users", str(ROWS), "--enrolments", str(ROWS), "--batches", "100", "--days", "1", "--last-date", DATE]
        subprocess.run([binary, "sample", "--quiet", *sizes, "--out", unfinished], check=True)
        for table in TABLES:
            day = unfinished / table / f"date={DATE}"
            rows = pq.read_table(day, partitioning=None)
            shutil.rmtree(day)
            day.mkdir()
            write(rows, day)
        unfinished.rename(folder)
    return folder


def write_files(rows, day):
    for number in range(rows.num_rows):
        pq.write_table(rows.slice(number, 1), day / f"part-{number:05}.parquet")


def write_row_groups(rows, day):
    pq.write_table(rows, day / "part-0.parquet", row_group_size=1)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="benches/small_files", description=__doc__)
    file = lambda text: Path(text).resolve(strict=True)
    parser.add_argument("--binary", type=file, required=True, help="the build that is measured")
    parser.add_argument("--against", type=file, required=True, help="the build that it is compared with")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs of each (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    run("small_files", main)
