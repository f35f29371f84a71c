"""Whether outputs hold the same rows: Pragati's nightly output, single CSV files, and what the peers write."""

import csv
import itertools
import json
from pathlib import Path

import duckdb


class Different(Exception):
    """Two outputs that should be equal are not; the message says where."""


def same_reports(ours, folder):
    """Pragati's reports against a peer's folder of batch_id=<id>/*.csv, row for row, sorted within each batch."""
    theirs = {path.name.removeprefix("batch_id="): path for path in folder.glob("batch_id=*")}
    for batch, file in reports_of(ours):
        same_rows(batch, rows_of(file), partition_rows(theirs.pop(batch, None)))
    nothing_left(theirs)


def same_reports_in_one_file(ours, file):
    """Pragati's reports against one CSV file sorted by batch, its first column."""
    reports = dict(reports_of(ours))
    with file.open(newline="", encoding="utf-8") as lines:
        rows = csv.reader(lines)
        next(rows)
        for batch, group in itertools.groupby(rows, key=lambda row: row[0]):
            if batch not in reports:
                raise Different(f"batch {batch} is not in {ours}, or not in one piece in {file}")
            same_rows(batch, rows_of(reports.pop(batch)), [row[1:] for row in group])
    for batch, report in reports.items():
        same_rows(batch, rows_of(report), [])


def same_bytes(ours, other, without=()):
    """Two nightly outputs of Pragati's: the same files of the same SHA-256, by their manifests, but for some contents."""
    files, others = (
        {file["path"]: file["sha256"] for file in manifest(out)["files"] if file["content"] not in without}
        for out in (ours, other)
    )
    if files != others:
        path = min(path for path in files.keys() | others.keys() if files.get(path) != others.get(path))
        raise Different(f"{path} is not the same in {ours} and {other}")


def same_csv(ours, theirs):
    """Two single files with the same header and the same rows in any order."""
    if header_of(ours) != header_of(theirs):
        raise Different(f"the headers of {ours} and {theirs} differ")
    same_rows(ours.name, rows_of(ours), rows_of(theirs))


def same_parquet(ours, theirs):
    """Two Parquet files with the same rows in the same order; averages are equal to nine digits."""
    con = duckdb.connect()
    files = [str(ours), str(theirs)]
    columns = [con.execute("select * from read_parquet(?) limit 0", [file]).description for file in files]
    if [column[0] for column in columns[0]] != [column[0] for column in columns[1]]:
        raise Different(f"the columns of {ours} and {theirs} differ")
    compared = ", ".join(
        f"round({name}, 9) as {name}" if str(kind) == "DOUBLE" else f"{name}::varchar as {name}" for name, kind, *_ in columns[0]
    )
    differing = con.execute(
        f"""
        with
            ours as (select {compared}, file_row_number as place from read_parquet(?, file_row_number = true)),
            theirs as (select {compared}, file_row_number as place from read_parquet(?, file_row_number = true))
        select count(*) from (
            (select * from ours except all select * from theirs) union all (select * from theirs except all select * from ours)
        )""",
        files,
    ).fetchone()[0]
    if differing:
        raise Different(f"{differing} rows of {ours} and {theirs} differ")


def ratio_by_day(ours, theirs):
    """The ratio by day of a nightly output, all of whose rows are new, and a peer's rows of days with a download."""
    file, = ours.glob("date=*/download_ratio_by_day/download_ratio_by_day.csv")
    columns = header_of(file)
    revision = columns.index("revision")
    if columns[:revision] + columns[revision + 1 :] != header_of(theirs):
        raise Different(f"the headers of {file} and {theirs} differ")
    downloads = columns.index("downloads")
    same_rows(file.name, [row[:revision] + row[revision + 1 :] for row in rows_of(file) if row[downloads] != "0"], rows_of(theirs))


def reported_rows(ours, expected):
    """The number of rows in Pragati's nightly output."""
    found = manifest(ours)["counts"]["rows_reported"]
    if found != expected:
        raise Different(f"{ours} reports {found} rows where the exports have {expected} active enrolments")


def parts_of_report(folder, whole):
    """A folder of parts against the whole report: the same header, and together the same rows."""
    files = [file for file in sorted(folder.glob("*.csv")) if file.name != "index.csv"]
    for file in files:
        if header_of(file) != header_of(whole):
            raise Different(f"the headers of {file} and {whole} differ")
    # Rows of one user are in one part, and the whole is in the order of users.
    parts = sorted(itertools.chain.from_iterable(map(rows_of, files)), key=lambda row: row[1])
    same_rows(folder.name, parts, rows_of(whole))
    listed = rows_of(folder / "index.csv")
    if sorted(row[0] for row in listed) != [file.name for file in files]:
        raise Different(f"{folder / 'index.csv'} does not list the files of its folder")
    return len(files)


def reports_of(ours):
    """Batch ids and CSV files of a nightly output."""
    day, = ours.glob("date=*")
    for file in manifest(ours)["files"]:
        if file["content"] == "report_csv":
            yield file["batch_id"], day / file["path"]


def manifest(ours):
    path, = ours.glob("date=*/manifest.json")
    return json.loads(path.read_text())


def header_of(file):
    with file.open(newline="", encoding="utf-8") as lines:
        return next(csv.reader(lines))


def rows_of(file):
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.reader(lines))[1:]


def partition_rows(folder):
    files = sorted(folder.glob("*.csv")) if folder else []
    return list(itertools.chain.from_iterable(map(rows_of, files)))


def same_rows(what, ours, theirs):
    if ours == theirs:
        return
    if len(ours) != len(theirs):
        raise Different(f"{what}: Pragati has {len(ours)} rows, the peer {len(theirs)}")
    for our, their in zip(sorted(ours), sorted(theirs)):
        if our != their:
            raise Different(f"{what}: Pragati has the row {our}, the peer {their}")


def nothing_left(theirs):
    if theirs:
        raise Different(f"the peer reports batch {min(theirs)}, Pragati does not")
