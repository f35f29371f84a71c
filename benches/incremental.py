"""The rows of incremental nights: a second night over exports that changed little, against a full night of an earlier
build (`--earlier`), in turn on the same files."""

import json
from dataclasses import replace
from pathlib import Path

import equality
from contest import Failed, run_in_turn, run_once
from exports import MadeExports, made_exports, made_once, recipe_of
from rows import Row, counted

HERE = Path(__file__).parent
NEXT_DAY = HERE / "next_day.py"
DAY = "date=2026-11-23"
PERCENT = 5


def rows(measured):
    """A first night; second nights with some changed batches and with none; and the same of many batches."""
    if measured.earlier is None:
        raise Failed("incremental nights are compared with an earlier build; name it with --earlier PROGRAM")
    usual, many = (made_exports(measured.sizes[use], measured.data, measured.say) for use in ("usual", "many-batches"))
    found = [first_night(measured, usual)]
    found += second_night(measured, usual, PERCENT, wall=0.6, cpu=0.5)
    found += second_night(measured, usual, 0, wall=0.4, cpu=0.4)
    found += second_night(measured, many, PERCENT, wall=0.35, cpu=None)
    return found


def first_night(measured, exports):
    """Nothing can be taken over, and the fingerprints cost little."""
    ours = measured.contenders.nightly(exports, "Pragati first")
    theirs = measured.earlier.nightly(exports, "Pragati earlier")
    took, taken = run_in_turn([ours, theirs], measured.runs, measured.say)
    same_reports(ours.out, theirs.out)
    return Row(f"first night, {counted(exports)}", took, "an earlier build", taken, time_target=1.03, checked="same reports")


def second_night(measured, exports, percent, wall, cpu):
    """Where `percent` of the batches changed since the first night: wall time, processor time, and disk."""
    after = next_day(measured, exports, percent)
    name = f"Pragati second {percent}"
    first = measured.contenders.nightly(exports, name)
    run_once(first)
    second = measured.contenders.nightly(after, name)
    command = [str(first.out) if part == str(second.out) else part for part in second.command]
    # The first night's output stays; that of the second is set aside before each run.
    second = replace(second, command=command, out=first.out / DAY)
    theirs = measured.earlier.nightly(after, "Pragati earlier")
    took, taken = run_in_turn([second, theirs], measured.runs, measured.say)
    same_reports(second.out, theirs.out / DAY)
    disk = added_bytes(second.out) / added_bytes(theirs.out / DAY)
    verdict = "met" if disk <= 0.1 else "**missed**"
    checked = f"same reports; disk {disk:.3f} ({verdict}: at most 0.1)"
    work = f"second night, {percent} % of the batches changed, {counted(exports)}"
    in_cpu = [replace(side, seconds=side.cpu_seconds) for side in (took, taken)]
    return [
        Row(work, took, "an earlier build, full night", taken, time_target=wall, checked=checked),
        Row(f"{work}: processor time", in_cpu[0], "an earlier build, full night", in_cpu[1], time_target=cpu),
    ]


def next_day(measured, exports, percent):
    folder = measured.data / f"{exports.folder.name}-next-{percent}"
    recipe = recipe_of((exports.folder.name, percent), [NEXT_DAY]) + (exports.folder / "recipe.txt").read_text()
    made = made_once(folder, recipe, lambda out: [NEXT_DAY, exports.folder, out, "--percent", str(percent)], measured.say)
    return MadeExports(made, json.loads((made / "about.json").read_text()))


def same_reports(ours, theirs):
    """The same reports, byte for byte, by the manifests of two outputs or of two days."""
    hashes = [{file["path"]: file["sha256"] for file in files_of(out) if file["content"] == "report_csv"} for out in (ours, theirs)]
    if hashes[0] != hashes[1]:
        raise equality.Different(f"the reports of {ours} and {theirs} differ")


def files_of(out):
    path = out / "manifest.json"
    if not path.exists():
        path, = out.glob("date=*/manifest.json")
    return json.loads(path.read_text())["files"]


def added_bytes(day):
    """Of the files that no other output has."""
    files = (file.stat() for file in day.rglob("*") if file.is_file())
    return sum(file.st_size for file in files if file.st_nlink == 1)
