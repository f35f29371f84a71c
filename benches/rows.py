"""The rows of the table: what is measured, against what, what must be equal, and which ratio is good enough."""

import json
import shutil
from dataclasses import dataclass

import equality
from contenders import DATE
from contest import Failed, Taken, log_of, run_in_turn, run_once
from exports import made_exports

SAME_ROWS = "same rows"
# Disk space for exports and output together, generously.
BYTES_AN_ENROLMENT = 400


@dataclass
class Row:
    """One line of the table. Targets are the greatest ratios that are good enough; None: only shown."""

    work: str
    ours: Taken
    peer: str
    theirs: Taken
    time_target: float | None = None
    memory_target: float | None = None
    # In bytes, whatever the peer takes.
    peak_target: float | None = None
    # What was found to be right about the output.
    checked: str = ""


class Rows:
    """Measures row by row."""

    def __init__(self, contenders, sizes, data, peers, runs, say):
        self.contenders, self.sizes, self.data, self.peers = contenders, sizes, data, peers
        self.runs, self.say = runs, say
        self.earlier = None

    def nightly(self):
        """All reports of the usual exports."""
        exports = self.exports("usual")
        ours = self.contenders.nightly(exports)
        duckdb = self.contenders.duckdb("nightly", exports)
        shown = [duckdb, *self.other_peers(exports)]
        took, *theirs = self.take([ours, *shown])
        for peer in shown:
            compare = equality.same_reports_in_one_file if peer.out.is_file() else equality.same_reports
            compare(ours.out, peer.out)
        targets = {
            duckdb.name: {"time_target": 0.33, "memory_target": 0.15},
            "Polars, partitioned": {"time_target": 0.45},
        }
        work = f"nightly, {counted(exports)}"
        return [
            Row(work, took, peer.name, taken, **targets.get(peer.name, {}), checked=SAME_ROWS)
            for peer, taken in zip(shown, theirs)
        ]

    def other_peers(self, exports):
        if "polars" in self.peers:
            yield self.contenders.polars(exports)
            yield self.contenders.polars_by_batch(exports)
        if "spark" in self.peers:
            spark = self.contenders.spark(exports)
            if spark is None:
                self.say("Spark is not measured: it needs java, and pyspark (target/bench-venv/bin/pip install pyspark==4.3.0)")
            else:
                yield spark

    def many_batches(self):
        """As many enrolments in many more batches."""
        usual, many = self.exports("usual"), self.exports("many-batches")
        few, ours = self.contenders.nightly(usual), self.contenders.nightly(many)
        theirs, took = self.take([few, ours])
        peer = self.contenders.duckdb("nightly-one-file", many)
        run_once(peer)
        equality.same_reports_in_one_file(ours.out, peer.out)
        peer = f"Pragati, {usual.about['batches']:,} batches"
        return [Row(f"nightly, {counted(many)}", took, peer, theirs, time_target=1.3, checked=f"{SAME_ROWS} as DuckDB")]

    def large(self):
        """Ten times as much of everything, in bounded memory."""
        self.require_space(self.sizes["large"].enrolments * BYTES_AN_ENROLMENT)
        usual, large = self.exports("usual"), self.exports("large")
        limit = "4GB"
        small, ours = self.contenders.nightly(usual), self.contenders.nightly(large, f"Pragati {limit}", limit)
        theirs, took = self.take([small, ours])
        equality.reported_rows(ours.out, large.about["active_enrolments"])
        work = f"nightly, {counted(large)}, `--memory-limit {limit}`"
        peer = f"Pragati, {usual.about['enrolments']:,} enrolments, no limit"
        return [Row(work, took, peer, theirs, time_target=12, peak_target=5e9, checked="number of rows")]

    def limits(self):
        """The usual exports in little memory."""
        exports = self.exports("usual")
        limit = "512MB"
        unlimited = self.contenders.nightly(exports)
        ours = self.contenders.nightly(exports, f"Pragati {limit}", limit)
        theirs, took = self.take([unlimited, ours])
        equality.same_bytes(unlimited.out, ours.out)
        work = f"nightly, {counted(exports)}, `--memory-limit {limit}`"
        return [Row(work, took, "Pragati, no limit", theirs, time_target=3, checked="same bytes")]

    def one(self):
        """The largest batch, from the exports."""
        exports = self.exports("usual")
        batch = exports.about["largest_batch"]
        ours = self.contenders.one(exports, batch["batch_id"])
        return self.one_against_duckdb(ours, exports, batch, "from the exports", 0.9)

    def view(self):
        """What analysts ask of the view course_progress_report: sums, and all rows in order; assembled, and from a nightly's mart."""
        exports = self.exports("usual")
        nightly = self.contenders.nightly(exports)
        run_once(nightly)
        sums = """select tenant_id, count(*) as enrolled, avg(course_progress) as progress, count(completion_date) as completed
            from course_progress_report group by tenant_id order by tenant_id"""
        rows = "select * from course_progress_report order by batch_id, user_id"
        asked = [
            ("sums by tenant", "by-tenant", sums, (1.0, 1.0), 0.15),
            ("all rows in order, as Parquet", "all-rows", rows, (0.6, 0.3), 0.3),
        ]
        for work, name, query, (time_target, memory_target), mart_target in asked:
            ours = self.contenders.sql(exports, f"{name}.parquet", query)
            from_mart = self.contenders.sql_from_mart(exports, f"{name}-from-mart.parquet", query, nightly.out)
            duckdb = self.contenders.duckdb(name, exports)
            took, took_from_mart, theirs = self.take([ours, from_mart, duckdb])
            for answer in (ours, from_mart):
                equality.same_parquet(answer.out, duckdb.out)
            yield Row(f"SQL, {work}", took, duckdb.name, theirs, time_target, memory_target, checked=SAME_ROWS)
            work = f"SQL, {work}, from the mart"
            yield Row(work, took_from_mart, "DuckDB, from the exports", theirs, mart_target, checked=SAME_ROWS)

    def check(self):
        """All checks, against an earlier build."""
        if self.earlier is None:
            self.say("check is not measured: it needs --earlier PROGRAM")
            return
        exports = self.exports("usual")
        ours, earlier = self.contenders.check(exports), self.earlier.check(exports, "an earlier build")
        took, theirs = self.take([ours, earlier])
        found, expected = (findings(log_of(contender)) for contender in (ours, earlier))
        if {rule: found.get(rule) for rule in expected} != expected:
            raise equality.Different("the findings of both builds differ")
        yield Row(f"check, {counted(exports)}", took, earlier.name, theirs, time_target=0.5, checked=f"same findings of {len(expected)} rules; {len(found)} rules now")

    def split(self):
        """A report in a part for each block: files, an archive, and the sheets of a workbook."""
        exports = self.exports("blocks")
        batch = exports.about["largest_batch"]["batch_id"]
        whole = self.contenders.whole(exports, batch, "whole.csv")
        parts = self.contenders.split(exports, batch, "parts")
        archive = self.contenders.split(exports, batch, "parts.zip")
        workbook = self.contenders.whole(exports, batch, "whole.xlsx", "--format", "xlsx")
        sheets = self.contenders.split(exports, batch, "parts.xlsx", "--format", "xlsx")
        theirs, took, took_archive, their_workbook, took_sheets = self.take([whole, parts, archive, workbook, sheets])
        files = equality.parts_of_report(parts.out, whole.out)
        work = f"one batch of {exports.about['largest_batch']['enrolments']:,} enrolments, {files} parts"
        targets = {"time_target": 1.5, "memory_target": 1.5}
        csv, xlsx = "Pragati, the whole as CSV", "Pragati, the whole as XLSX"
        return [
            Row(f"{work}, in a folder", took, csv, theirs, **targets, checked=SAME_ROWS),
            Row(f"{work}, in a ZIP archive", took_archive, csv, theirs, memory_target=1.5),
            Row(f"{work}, in a workbook", took_sheets, xlsx, their_workbook, **targets),
        ]

    def mart(self):
        """The largest batch, from the mart."""
        exports = self.exports("usual")
        batch = exports.about["largest_batch"]
        nightly = self.contenders.nightly(exports)
        run_once(nightly)
        ours = self.contenders.one_from_mart(nightly.out, batch["batch_id"])
        return self.one_against_duckdb(ours, exports, batch, "from the mart", 0.15)

    def one_against_duckdb(self, ours, exports, batch, source, time_target):
        duckdb = self.contenders.duckdb("one", exports, "--batch", batch["batch_id"])
        took, theirs = self.take([ours, duckdb])
        equality.same_csv(ours.out, duckdb.out)
        work = f"one batch of {batch['enrolments']:,} enrolments, {source}"
        return [Row(work, took, "DuckDB, from the exports", theirs, time_target, checked=SAME_ROWS)]

    def ratio(self):
        """The download ratio over many clicks."""
        return self.ratio_against_duckdb("ratio", self.contenders.ratio, "ratio")

    def ratio_by_day(self):
        """The download ratio day by day."""
        return self.ratio_against_duckdb("ratio by day", self.contenders.ratio_by_day, "ratio-by-day")

    def ratio_against_duckdb(self, work, ours_of, theirs):
        exports = self.exports("clicks")
        ours = ours_of(exports)
        duckdb = self.contenders.duckdb(theirs, exports, "--date", DATE)
        took, their_time = self.take([ours, duckdb])
        equality.same_csv(ours.out, duckdb.out)
        work = f"{work}, {exports.about['download_events']:,} download events"
        return [Row(work, took, duckdb.name, their_time, time_target=0.8, checked=SAME_ROWS)]

    def metrics(self):
        """A nightly run over many clicks and few enrolments: most of it is its ratio tables."""
        exports = self.exports("clicks")
        ours = self.contenders.nightly(exports)
        windows, by_day = (self.contenders.duckdb(work, exports, "--date", DATE) for work in ("ratio", "ratio-by-day"))
        took, *theirs = self.take([ours, windows, by_day])
        equality.ratio_by_day(ours.out, by_day.out)
        both = Taken(sum(taken.seconds for taken in theirs), max(taken.peak_bytes for taken in theirs), theirs[0].runs)
        work = f"nightly, {exports.about['download_events']:,} download events, {exports.about['batches']:,} batches"
        return [Row(work, took, "DuckDB, both ratios alone", both, time_target=0.8, checked="rows of the ratio by day")]

    def exports(self, use):
        return made_exports(self.sizes[use], self.data, self.say)

    def require_space(self, needed):
        free = shutil.disk_usage(self.data).free
        if free < needed:
            raise Failed(f"{self.data} has {free / 1e9:.0f} GB of free space, this row may need {needed / 1e9:.0f} GB")

    def take(self, contenders):
        return run_in_turn(contenders, self.runs, self.say)


def findings(log):
    """What each rule of a check found, by its name. A newer build has rules that an earlier one lacks."""
    return {found["rule"]: found for found in json.loads(log.read_text())}


def counted(exports):
    about = exports.about
    return f"{about['users']:,} users, {about['enrolments']:,} enrolments, {about['batches']:,} batches"
