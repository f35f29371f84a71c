"""The ways to ask a query of TPC-H: DuckDB and Pragati, each over one connection, and each as a process of its own."""

import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pyarrow.parquet

from contenders import DATE, texts
from contest import Contender, Failed
from peers import duckdb_tpch
from tpch_answers import Answer

PROJECT = Path(__file__).resolve().parents[1]
# What every snapshot must have, though no query reads it.
REQUIRED = ["users", "enrolments", "course_progress"]
# "Not limited", in a setting that takes a size.
PLENTY = "1TB"


def made_tables(data, scale, say):
    """The exports of a scale factor below the folder `data`, made now if they are not there."""
    exports = data / f"tpch-sf{scale:g}"
    if not exports.exists():
        say(f"making {exports}")
        unfinished = data / f".{exports.name}"
        shutil.rmtree(unfinished, ignore_errors=True)
        generator = Path(sys.executable).with_name("tpchgen-cli")
        command = [generator, "parquet", "--scale-factor", f"{scale:g}", "--parts", "1", "--quiet"]
        if subprocess.run([*command, "--output-dir", unfinished]).returncode != 0:
            raise Failed("tpchgen-cli failed, see above")
        for table in duckdb_tpch.TABLES:
            day = unfinished / table / f"date={DATE}"
            day.mkdir()
            for file in (unfinished / table).glob("*.parquet"):
                file.rename(day / file.name)
        for table in REQUIRED:
            shutil.copytree(PROJECT / "sample_data" / table / f"date={DATE}", unfinished / table / f"date={DATE}")
        unfinished.rename(exports)
    return exports


def settings_file(exports, threads, file):
    """What Pragati runs with: the tables, and no limits."""
    tables = "\n".join(f'{table} = "{table}"' for table in duckdb_tpch.TABLES)
    limits = f'[postgres]\nmemory_limit = "{PLENTY}"\nquery_memory = "{PLENTY}"\nquery_spill = "{PLENTY}"\n'
    file.write_text(f'exports = "{exports}"\nthreads = {threads}\n{limits}[other_tables]\n{tables}\n')
    return file


class InDuckdb:
    """One connection of DuckDB, in this process."""

    def __init__(self, exports, threads):
        self.connection = duckdb_tpch.connect(exports, threads)

    def ask(self, sql):
        """Seconds until all rows are there, and the answer."""
        started = time.monotonic()
        result = self.connection.execute(sql)
        rows = result.fetchall()
        return time.monotonic() - started, Answer([column[0] for column in result.description], rows)


class InEndpoint:
    """One connection to `pragati serve --postgres`."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        place = f"host={host} port={port} user=bench dbname=pragati"
        self.connection = psycopg.connect(place, autocommit=True)

    def ask(self, sql):
        """As InDuckdb's; values travel as binary."""
        started = time.monotonic()
        with self.connection.cursor(binary=True) as cursor:
            try:
                rows = cursor.execute(sql).fetchall()
            except psycopg.Error as error:
                raise Failed(f"the endpoint says: {error}".splitlines()[0]) from error
            return time.monotonic() - started, Answer([column.name for column in cursor.description], rows)


@contextmanager
def endpoint(binary, settings, folder):
    """The address of an endpoint that runs meanwhile."""
    with running_endpoint(binary, settings, folder) as (address, _):
        yield address


@contextmanager
def running_endpoint(binary, settings, folder):
    """The address and the process of an endpoint that runs meanwhile."""
    command = [binary, "serve", "--config", settings, "--dev-auth", "--listen", "127.0.0.1:0"]
    command += ["--postgres", "127.0.0.1:0", "--data", folder]
    unset = {name: value for name, value in os.environ.items() if not name.startswith(("PRAGATI_", "RUST_LOG"))}
    process = subprocess.Popen(texts(command), stderr=subprocess.PIPE, text=True, env=unset)
    try:
        yield address_of(process), process
    finally:
        process.terminate()
        process.wait()


def address_of(process):
    said = []
    for line in process.stderr:
        said.append(line.strip())
        if line.startswith("PostgreSQL clients connect to "):
            # Whatever it says later must not wait for a reader.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return line.split()[4].rstrip(",")
    raise Failed(f"pragati serve did not start: {' / '.join(said)}")


def processes(binary, settings, exports, query, threads, out):
    """`pragati sql` and DuckDB as contenders that write their answers as Parquet files."""
    theirs, ours = out / f"duckdb-{query.stem}.parquet", out / f"pragati-{query.stem}.parquet"
    duckdb = [sys.executable, duckdb_tpch.__file__, exports, query, theirs, "--threads", threads]
    pragati = [binary, "sql", "--quiet", "--config", settings, "-f", query, "--format", "parquet", "-o", ours]
    return [Contender("Pragati", texts(pragati), ours), Contender("DuckDB", texts(duckdb), theirs)]


def answer_in(file):
    table = pyarrow.parquet.read_table(file)
    columns = [column.to_pylist() for column in table.columns]
    return Answer(table.column_names, list(zip(*columns)))
