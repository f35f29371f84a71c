"""The commands that are measured: Pragati's and the peers'."""

import os
import shutil
import sys
from pathlib import Path

from contest import Contender

HERE = Path(__file__).parent
DATE = "2026-11-22"


class Contenders:
    """Makes contenders that write below the folder `out` and use `threads` threads."""

    def __init__(self, binary, out, threads):
        self.binary, self.out, self.threads = binary, out, str(threads)

    def nightly(self, exports, name="Pragati", memory_limit=None):
        limit = ["--memory-limit", memory_limit] if memory_limit else []
        return self.pragati(name, "nightly", exports.folder, f"{exports.folder.name}-nightly", "--out", limit)

    def one(self, exports, batch):
        return self.pragati("Pragati", "report", exports.folder, "one.csv", "-o", ["--batch", batch])

    def split(self, exports, batch, out, *more):
        """The batch in a part for each block."""
        more = ["--batch", batch, "--split-by", "block", *more]
        return self.pragati("Pragati", "report", exports.folder, out, "-o", more)

    def whole(self, exports, batch, out, *more):
        """The same batch as one file."""
        return self.pragati("Pragati", "report", exports.folder, out, "-o", ["--batch", batch, *more])

    def one_from_mart(self, reports, batch):
        out = self.out / "pragati-one-from-mart.csv"
        command = [self.binary, "report", "--quiet", *self.settings(), "--reports", reports, "--batch", batch, "-o", out]
        return Contender("Pragati", texts(command), out)

    def check(self, exports, name="Pragati"):
        """The findings are printed, so they are in the log."""
        command = [self.binary, "check", "--quiet", *self.settings(), "--exports", exports.folder, "--format", "json"]
        return Contender(name, texts(command), self.out / f"{name.lower().replace(' ', '-')}-check")

    def sql_from_mart(self, exports, out, query, reports):
        """The same, where the view course_progress_report is read from a nightly's mart."""
        return self.sql(exports, out, query, "--reports", reports)

    def sql(self, exports, out, query, *more):
        """A query whose answer is a Parquet file."""
        more = ["--format", "parquet", "-c", query, *more]
        return self.pragati("Pragati", "sql", exports.folder, out, "-o", more)

    def ratio(self, exports):
        return self.pragati("Pragati", "ratio", exports.folder, "ratio.csv", "-o", ["--format", "csv"])

    def ratio_by_day(self, exports):
        more = ["--by", "day", "--format", "csv"]
        return self.pragati("Pragati", "ratio", exports.folder, "ratio-by-day.csv", "-o", more)

    def pragati(self, name, command, exports, out, out_flag, more):
        out = self.out / f"{name.lower().replace(' ', '-')}-{out}"
        command = [self.binary, command, "--quiet", *self.settings(), "--exports", exports, out_flag, out, *more]
        return Contender(name, texts(command), out)

    def settings(self):
        return ["--config", HERE / "pragati.toml", "--threads", self.threads]

    def duckdb(self, work, exports, *more):
        out = self.out / f"duckdb-{exports.folder.name}-{work}"
        command = [sys.executable, HERE / "peers/duckdb_peer.py", work, exports.folder, out, "--threads", self.threads, *more]
        return Contender("DuckDB", texts(command), out)

    def polars(self, exports):
        return self.polars_writing("Polars, one file", exports, f"polars-{exports.folder.name}.csv")

    def polars_by_batch(self, exports):
        return self.polars_writing("Polars, partitioned", exports, f"polars-{exports.folder.name}", "--by-batch")

    def polars_writing(self, name, exports, out, *more):
        out = self.out / out
        command = [sys.executable, HERE / "peers/polars_peer.py", exports.folder, out, *more]
        return Contender(name, texts(command), out, {"POLARS_MAX_THREADS": self.threads})

    def spark(self, exports):
        """None where Spark is not installed."""
        submit = shutil.which("spark-submit", path=f"{sys.prefix}/bin{os.pathsep}{os.environ.get('PATH', '')}")
        if not submit or not shutil.which("java"):
            return None
        out = self.out / f"spark-{exports.folder.name}"
        settings = ["--master", f"local[{self.threads}]", "--driver-memory", "12g"]
        command = [submit, *settings, HERE / "peers/spark_peer.py", exports.folder, out]
        python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
        return Contender("Spark", texts(command), out, python, at_most=1)


def texts(command):
    return list(map(str, command))
