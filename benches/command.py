"""The commands of the benches: the options and folders that several have, and how one ends."""

import argparse
import sys
from pathlib import Path

from contest import Failed
from equality import Different

PROJECT = Path(__file__).resolve().parents[1]
BINARY = PROJECT / "target/release/pragati"


def parser(name, about):
    """Of `benches/NAME`; its help has the lines of `about` as they are written."""
    as_written = argparse.RawTextHelpFormatter
    return argparse.ArgumentParser(prog=f"benches/{name}", description=about, formatter_class=as_written)


def add_binary(options):
    """The program that is measured: `require_binary` says where it is missing."""
    usual = "measure this program (default: target/release/pragati)"
    options.add_argument("--binary", type=existing_file, default=BINARY, help=usual)


def add_runs_and_threads(options):
    options.add_argument("--runs", type=at_least_one, default=3, metavar="N", help="runs of each (default: %(default)s)")
    options.add_argument("--threads", type=at_least_one, default=2, metavar="N", help="of both (default: %(default)s)")


def work_folders(name):
    """The folder of made-up exports, and that of what the bench `name` writes; both are below target/."""
    data, out = PROJECT / "target/bench-data", PROJECT / "target/bench-out" / name
    for folder in (data, out):
        folder.mkdir(parents=True, exist_ok=True)
    return data, out


def require_binary(binary):
    if not binary.is_file():
        raise Failed(f"there is no {binary}; build it with cargo build --release, or name another with --binary")


def some_of(known):
    def parse(text):
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {','.join(known)}")
        return names

    return parse


def at_least_one(text):
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def existing_file(text):
    file = Path(text).resolve()
    if not file.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return file


def run(name, main):
    """Ends with one line where the measuring fails or outputs differ, and quietly where it is interrupted."""
    try:
        main()
    except (Failed, Different) as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
