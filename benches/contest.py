"""Runs contenders in turn on the same files and keeps what each took."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

EMPTIED = ".emptied"
RUN_MEASURED = Path(__file__).with_name("run_measured.py")


class Failed(Exception):
    """A run that did not end well; the message is one line for people."""


@dataclass
class Contender:
    """One program with its arguments, and the file or folder that it writes."""

    name: str
    command: list[str]
    out: Path
    environment: dict[str, str] = field(default_factory=dict)
    # Fewer runs than asked for, for one that is only shown.
    at_most: int | None = None


@dataclass
class Taken:
    """The medians of a contender's runs."""

    seconds: float
    peak_bytes: float
    runs: int
    # Of all cores together.
    cpu_seconds: float = 0


def run_in_turn(contenders, runs, say):
    """Each contender runs once, then each again, …; gives what they took, in their order. The last outputs stay."""
    results = [[] for _ in contenders]
    for turn in range(runs):
        for contender, result in zip(contenders, results):
            if contender.at_most is not None and turn >= contender.at_most:
                continue
            result.append(run_once(contender))
            seconds, peak = result[-1]["seconds"], result[-1]["peak_bytes"]
            say(f"  {turn + 1} of {runs}: {contender.name}, {seconds:.2f} s, {peak / 1e9:.2f} GB")
    return [medians(result) for result in results]


def run_once(contender):
    set_aside(contender.out)
    contender.out.parent.mkdir(parents=True, exist_ok=True)
    # Nobody waits for the disk to take what another wrote.
    os.sync()
    log = log_of(contender)
    command = [sys.executable, "-I", "-S", RUN_MEASURED, log, *contender.command]
    printed = subprocess.run(command, env=environment(contender), stdout=subprocess.PIPE, check=True).stdout
    result = json.loads(printed)
    if result["code"] != 0:
        lines = log.read_text(errors="replace").strip().splitlines()
        said = lines[-1] if lines else "nothing"
        raise Failed(f"{contender.name} ended with code {result['code']} and said: {said} (all of it: {log})")
    return result


def log_of(contender):
    """Where what it prints is kept."""
    return contender.out.with_name(contender.out.name + ".log")


def environment(contender):
    """The caller's, without settings of Pragati's that would change what is measured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PRAGATI_", "RUST_LOG"))}
    return kept | contender.environment


def medians(results):
    return Taken(
        seconds=statistics.median(result["seconds"] for result in results),
        peak_bytes=statistics.median(result["peak_bytes"] for result in results),
        runs=len(results),
        cpu_seconds=statistics.median(result["cpu_seconds"] for result in results),
    )


def set_aside(path):
    """Empties an earlier output and moves it out of the way; it is removed with everything else at the end.

    For minutes after thousands of files are removed, ext4 looks through them whenever it makes new ones, which took a
    fifth of the next run's time.
    """
    if not path.exists():
        return
    for file in path.rglob("*") if path.is_dir() else [path]:
        # A file with several links is in other outputs too.
        if file.is_file() and file.stat().st_nlink == 1:
            os.truncate(file, 0)
    emptied = path.parent / EMPTIED
    emptied.mkdir(exist_ok=True)
    path.rename(emptied / f"{path.name}-{time.monotonic_ns()}")


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
