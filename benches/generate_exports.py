#!/usr/bin/env python3
"""Made-up exports of any size, in chunks: 10 million users and 50 million enrolments need about 2 GB of memory.

usage: generate_exports.py OUT --users N --enrolments N --batches N [--events N] [--blocks N] [--seed N]

The same options give the same rows. Sizes of batches follow a power law, rows come in random order, and nobody is
enrolled in a batch twice, so there are slightly fewer enrolments than asked for. OUT/about.json says what was made.
`pragati sample` makes richer data with every oddity of real exports; this one is for size.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from draws import Draws

DATE = "2026-11-22"
CHUNK_ROWS = 1_000_000
CHUNKS_A_FILE = 2
ROW_GROUP_ROWS = 256 * 1024

DAY = 86_400_000
FIRST_ENROLMENT = int(np.datetime64("2025-06-01", "ms").astype(np.int64))
ENROLMENT_DAYS = 470
EVENT_DAYS = 30

TENANTS = 36
DISTRICTS = 700
SCHOOLS = 60_000
BATCHES_A_COURSE = 4

FIRST_NAMES = [
    "Asha", "Ravi", "Lakshmi", "Suresh", "अनीता", "राजेश", "లక్ష్మి", "வேலு",
    "Fatima", "Gurpreet", "Zubin", "O'Neil", "=cmd", "José", "Meena, K", '"Babu"',
]
LAST_NAMES = ["Kumar", "Devi", "Reddy", "शर्मा", "రావు", "Khan", "Singh", "Das", "Naidu", "", "Iyer", "Patel"]


def main():
    options = parse_arguments()
    options.out.mkdir(parents=True)
    users = Users(options)
    batches = Batches(options)
    enrolments = Enrolments(options, users, batches)
    write_table(options.out, "users", users.chunks())
    write_table(options.out, "batches", batches.chunks())
    write_table(options.out, "enrolments", enrolments.chunks())
    progress_rows = write_table(options.out, "course_progress", enrolments.progress_chunks())
    if options.events:
        Events(options, users, batches).write()
    about = {
        "users": options.users,
        "enrolments": enrolments.count,
        "active_enrolments": enrolments.active,
        "course_progress": progress_rows,
        "batches": options.batches,
        "download_events": options.events,
        "largest_batch": enrolments.largest_batch,
    }
    Path(options.out, "about.json").write_text(json.dumps(about, indent=2) + "\n")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write; must not exist")
    parser.add_argument("--users", type=int, required=True, metavar="N")
    parser.add_argument("--enrolments", type=int, required=True, metavar="N")
    parser.add_argument("--batches", type=int, required=True, metavar="N")
    parser.add_argument("--events", type=int, default=0, metavar="N", help="download events, over the last 30 days")
    parser.add_argument("--blocks", type=int, default=7_000, metavar="N", help="blocks that users are in")
    parser.add_argument("--seed", type=int, default=7, metavar="N")
    return parser.parse_args()


class Users:
    """Users by their number, 0 to count - 1."""

    def __init__(self, options):
        self.count = options.users
        self.seed = options.seed
        self.blocks = options.blocks
        self.id_halves = [Draws(options.seed, "user id, first half"), Draws(options.seed, "user id, second half")]

    def ids(self, users):
        return uuid_text(*(half.bits(users) for half in self.id_halves))

    def chunks(self):
        for users in chunks_of(self.count):
            tenant = self.draws("tenant").below(users, TENANTS)
            yield pa.table({
                "user_id": self.ids(users),
                "external_id": self.sometimes("external_id", 0.35, users, text("EXT", digits(users, 9))),
                "first_name": self.one_of(FIRST_NAMES, "first_name", users),
                "last_name": self.one_of(LAST_NAMES, "last_name", users),
                "email": self.sometimes("email", 0.2, users, text("te******", users % 9973, "@example.org")),
                "mobile": self.sometimes("mobile", 0.3, users, text("******", digits(users % 10_000, 4))),
                "organization_name": text("State Council of Education ", digits(tenant, 2)),
                "district_name": self.sometimes("district_name", 0.05, users, self.place("District ", DISTRICTS, 3, users)),
                "school_name": self.sometimes(
                    "school_name", 0.1, users, text("GOVT HIGH SCHOOL NO ", self.draws("school").below(users, SCHOOLS))
                ),
                "block_name": self.sometimes("block_name", 0.25, users, self.place("Block ", self.blocks, 4, users)),
                "tenant_id": tenant_ids(tenant),
            })

    def draws(self, purpose):
        return Draws(self.seed, purpose)

    def sometimes(self, column, missing, users, values):
        return nullified(values, self.draws(f"{column} missing").chance(users, missing))

    def one_of(self, values, column, users):
        return taken(pa.array(values), self.draws(column).below(users, len(values)))

    def place(self, name, count, width, users):
        return text(name, digits(self.draws(name).below(users, count), width))


class Batches:
    """Batches by their number, with their courses and shares of the enrolments."""

    def __init__(self, options):
        self.count = options.batches
        numbers = np.arange(self.count)
        courses = max(1, self.count // BATCHES_A_COURSE)
        self.course = Draws(options.seed, "course").below(numbers, courses)
        self.tenant = self.course % TENANTS
        self.ids = text("01", digits(300_000_000_000_000 + numbers * 7919, 16))
        self.course_ids = text("do_11", 30_000_000_000_000_000 + np.arange(courses) * 104_729)
        rank = np.argsort(Draws(options.seed, "rank").bits(numbers))
        shares = (rank + 1.0) ** -0.7
        self.cumulated = np.cumsum(shares / shares.sum())

    def drawn(self, unit):
        """The batches that numbers in [0, 1) fall on, by their shares."""
        return np.minimum(np.searchsorted(self.cumulated, unit, side="right"), self.count - 1)

    def courses_of(self, batches):
        return taken(self.course_ids, self.course[batches])

    def chunks(self):
        yield pa.table({
            "batch_id": self.ids,
            "course_id": taken(self.course_ids, self.course),
            "batch_name": text("Batch ", np.arange(self.count)),
            "tenant_id": tenant_ids(self.tenant),
        })


class Enrolments:
    """Enrolments and their progress. A row is known by its key, batch number × users + user number."""

    def __init__(self, options, users, batches):
        self.users, self.batches, self.seed = users, batches, options.seed
        self.keys = self.distinct_keys(options.enrolments)
        self.count = len(self.keys)
        self.active = 0
        sizes = np.zeros(batches.count, np.int64)
        for keys in parts_of(self.keys):
            sizes += np.bincount(keys // users.count, minlength=batches.count)
        largest = int(sizes.argmax())
        self.largest_batch = {"batch_id": batches.ids[largest].as_py(), "enrolments": int(sizes[largest])}

    def distinct_keys(self, count):
        keys = np.empty(count, np.int64)
        batch, user = self.draws("batch of enrolment"), self.draws("user of enrolment")
        for rows in chunks_of(count):
            keys[rows[0] : rows[-1] + 1] = (
                self.batches.drawn(batch.unit(rows)) * self.users.count + user.below(rows, self.users.count)
            )
        keys.sort()
        keys = keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if count else keys
        self.shuffle(keys, 1)
        return keys

    def chunks(self):
        for keys in parts_of(self.keys):
            active = self.draws("active").chance(keys, 0.97)
            self.active += int(active.sum())
            yield pa.table({
                **self.ids(keys), "enrolled_at": moments(self.enrolled_at(keys)), "active": pa.array(active)
            })

    def progress_chunks(self):
        """In an order of its own."""
        self.shuffle(self.keys, 2)
        for keys in parts_of(self.keys):
            keys = keys[self.draws("has progress").chance(keys, 0.85)]
            percent = self.draws("percent").below(keys, 101)
            percent[self.draws("complete").chance(keys, 0.4)] = 100
            completed_at = self.enrolled_at(keys) + self.draws("duration").below(keys, 60 * DAY - 3_600_000) + 3_600_000
            yield pa.table({
                **self.ids(keys),
                "progress_percent": pa.array(percent.astype(np.int32)),
                "completed_at": nullified(moments(completed_at), percent < 100),
            })

    def ids(self, keys):
        batches = keys // self.users.count
        return {
            "user_id": self.users.ids(keys % self.users.count),
            "course_id": self.batches.courses_of(batches),
            "batch_id": taken(self.batches.ids, batches),
        }

    def enrolled_at(self, keys):
        return FIRST_ENROLMENT + self.draws("enrolled_at").below(keys, ENROLMENT_DAYS * DAY)

    def draws(self, purpose):
        return Draws(self.seed, purpose)

    def shuffle(self, keys, order):
        np.random.default_rng([self.seed, order]).shuffle(keys)


class Events:
    """Clicks on "Download File" in the days up to the snapshot: 1 in 100 arrives twice, 1 in 50 names no batch, and 1 in 30
    is a double click, five seconds after another of the same person."""

    def __init__(self, options, users, batches):
        self.out, self.count, self.seed = options.out, options.events, options.seed
        self.users, self.batches = users, batches
        self.mid_halves = [Draws(options.seed, "mid, first half"), Draws(options.seed, "mid, second half")]

    def write(self):
        a_day = -(-self.count // EVENT_DAYS)
        for number, date in enumerate(days_up_to(DATE, EVENT_DAYS)):
            first, end = min(number * a_day, self.count), min((number + 1) * a_day, self.count)
            write_table(self.out, "download_events", self.chunks(date, first, end), str(date))

    def chunks(self, date, first, end):
        midnight = int(date.astype("datetime64[ms]").astype(np.int64))
        for rows in chunks_of(end - first):
            rows = first + rows
            rows = np.maximum(rows - self.draws("again").chance(rows, 0.01), 0)
            clicks = np.maximum(rows - self.draws("double").chance(rows, 1 / 30), 0)
            batches = self.batches.drawn(self.draws("batch of event").unit(clicks))
            users = self.draws("user of event").below(clicks, self.users.count)
            event_time = self.draws("event_time").below(clicks, DAY * 3 // 4) + (clicks != rows) * 5_000
            yield pa.table({
                "mid": text("INTERACT:", uuid_text(*(half.bits(rows) for half in self.mid_halves))),
                "event_time": moments(midnight + event_time),
                "user_id": self.users.ids(users),
                "course_id": self.batches.courses_of(batches),
                "batch_id": nullified(taken(self.batches.ids, batches), self.draws("no batch").chance(clicks, 0.02)),
                "tenant_id": tenant_ids(self.batches.tenant[batches]),
                "source": pa.array(["pragati"]).take(pa.array(np.zeros(len(rows), np.int8))),
            })

    def draws(self, purpose):
        return Draws(self.seed, purpose)


def write_table(out, table, chunks, date=DATE):
    """Writes the chunks to files of CHUNKS_A_FILE each and returns the number of rows."""
    folder = Path(out, table, f"date={date}")
    folder.mkdir(parents=True)
    rows, writer = 0, None
    for number, chunk in enumerate(chunks):
        if number % CHUNKS_A_FILE == 0:
            if writer:
                writer.close()
            file = folder / f"part-{number // CHUNKS_A_FILE:05d}.parquet"
            writer = pq.ParquetWriter(file, chunk.schema, compression="zstd")
        writer.write_table(chunk, row_group_size=ROW_GROUP_ROWS)
        rows += len(chunk)
    if writer:
        writer.close()
    return rows


def chunks_of(count):
    """The numbers 0 to count - 1, CHUNK_ROWS at a time."""
    return (np.arange(start, min(start + CHUNK_ROWS, count)) for start in range(0, count, CHUNK_ROWS))


def parts_of(values):
    return (values[start : start + CHUNK_ROWS] for start in range(0, len(values), CHUNK_ROWS))


def days_up_to(date, days):
    return np.datetime64(date) - np.arange(days)[::-1]


def uuid_text(first_half, second_half):
    """UUIDs in their text form of 36 characters, from two numbers of 64 bits each."""
    raw = np.stack([first_half, second_half], axis=1).astype(">u8").view(np.uint8)
    nibbles = np.stack([raw >> 4, raw & 15], axis=2).reshape(len(raw), 32)
    characters = np.full((len(raw), 36), ord("-"), np.uint8)
    places = [place for place in range(36) if place not in (8, 13, 18, 23)]
    characters[:, places] = np.frombuffer(b"0123456789abcdef", np.uint8)[nibbles]
    ends = np.arange(len(raw) + 1, dtype=np.int32) * 36
    return pa.StringArray.from_buffers(len(raw), pa.py_buffer(ends), pa.py_buffer(characters))


def digits(numbers, width):
    """Numbers as text, with leading zeros."""
    return pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")


def text(*pieces):
    """Pieces put together row by row: words, and numbers or texts of each row."""
    pieces = [piece if isinstance(piece, str) else pc.cast(pa.array(piece), pa.string()) for piece in pieces]
    return pc.binary_join_element_wise(*pieces, "")


def taken(values, places):
    return values.take(pa.array(places))


def tenant_ids(tenants):
    return text("tenant-", digits(tenants, 2))


def moments(milliseconds):
    return pa.array(milliseconds).cast(pa.timestamp("ms", "UTC"))


def nullified(values, missing):
    """The values, but NULL where `missing`."""
    return pc.if_else(pa.array(missing), pa.scalar(None, values.type), values)


if __name__ == "__main__":
    main()
