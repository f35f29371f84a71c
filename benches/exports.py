"""The made-up exports that the rows of the table are measured on, made once and kept below target/bench-data."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from contest import Failed

GENERATOR = Path(__file__).with_name("generate_exports.py")
SOURCES = [GENERATOR, GENERATOR.with_name("draws.py")]


@dataclass(frozen=True)
class Size:
    """What generate_exports.py is asked for."""

    name: str
    users: int
    enrolments: int
    batches: int
    events: int = 0
    blocks: int = 7_000


# By what they are for; `small` is for trying the command, its ratios mean little.
SIZES = {
    "full": {
        "usual": Size("5m", 1_000_000, 5_000_000, 5_000),
        "many-batches": Size("5m-100k-batches", 1_000_000, 5_000_000, 100_000),
        "large": Size("50m", 10_000_000, 50_000_000, 50_000),
        "clicks": Size("20m-clicks", 1_000_000, 100_000, 100_000, 20_000_000),
        "blocks": Size("100k-300-blocks", 400_000, 115_000, 1, blocks=300),
    },
    "small": {
        "usual": Size("small", 100_000, 500_000, 500),
        "many-batches": Size("small-10k-batches", 100_000, 500_000, 10_000),
        "large": Size("small-1m", 200_000, 1_000_000, 1_000),
        "clicks": Size("small-400k-clicks", 100_000, 10_000, 2_000, 400_000),
        "blocks": Size("small-10k-300-blocks", 40_000, 11_500, 1, blocks=300),
    },
}


@dataclass
class MadeExports:
    folder: Path
    about: dict


def made_exports(size, data, say):
    """The exports of a size below the folder `data`, made now if they are not there or were made otherwise."""
    sizes = {"users": size.users, "enrolments": size.enrolments, "batches": size.batches, "events": size.events, "blocks": size.blocks}
    arguments = [text for name, count in sizes.items() for text in (f"--{name}", str(count))]
    folder = made_once(data / size.name, recipe_of(size, SOURCES), lambda out: [GENERATOR, out, *arguments], say)
    return MadeExports(folder, json.loads((folder / "about.json").read_text()))


def made_once(folder, recipe, command, say):
    """The folder, written now by the Python script of `command` if it is not there or has another recipe."""
    noted = folder / "recipe.txt"
    if not noted.exists() or noted.read_text() != recipe:
        say(f"making {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        unfinished = folder.with_name(f".{folder.name}")
        shutil.rmtree(unfinished, ignore_errors=True)
        script, *arguments = command(unfinished)
        if subprocess.run([sys.executable, script, *arguments]).returncode != 0:
            raise Failed(f"{script.name} failed, see above")
        (unfinished / noted.name).write_text(recipe)
        unfinished.rename(folder)
    bring_to_memory(folder)
    return folder


def recipe_of(size, sources):
    """Tells exports apart that were asked for or made in another way."""
    return hashlib.sha256(repr(size).encode() + b"".join(source.read_bytes() for source in sources)).hexdigest()


def bring_to_memory(folder):
    """Reads the files once, so that the first run finds them in the page cache as the others do."""
    for file in folder.rglob("*.parquet"):
        with file.open("rb") as contents:
            while contents.read(1 << 22):
                pass
