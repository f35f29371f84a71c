"""What benches/endpoint asks: of DuckDB in this process, and of the PostgreSQL endpoint, through psycopg or byte by byte."""

import re
import socket
import struct
from pathlib import Path

import duckdb
import psycopg

from contest import Failed

TABLES = ["users", "enrolments"]
LOOKUP = "select user_id, first_name, last_name, email, organization_name, tenant_id from users where user_id = {}"
OF_BATCH = "select user_id, course_id, batch_id, active from enrolments where batch_id = {}"
# Bytes that are read from a socket at a time.
PIECE = 1 << 20
# Longer than the two messages at the end of a copy.
TAIL = 64


def settings_file(exports, threads, file):
    """What Pragati runs with: as many connections as are asked for, and else what a site has."""
    file.write_text(f'exports = "{exports}"\nthreads = {threads}\n[postgres]\nconnections = 1000\n')
    return file


class DuckdbTables:
    """One connection of DuckDB, over the same files."""

    def __init__(self, exports, threads):
        self.connection = duckdb.connect(config={"threads": threads})
        for table in TABLES:
            files = f"{exports}/{table}/date=*/*.parquet"
            self.connection.read_parquet(files, hive_partitioning=False).create_view(table)
        self.connection.execute(f"prepare lookup as {LOOKUP.format('$1')}")

    def user(self, user):
        return self.connection.execute(f"execute lookup('{user}')").fetchall()

    def some_users(self, count):
        """The same ones each time, all over the table."""
        sql = "select user_id from users order by hash(user_id) limit ?"
        return [user for (user,) in self.connection.execute(sql, [count]).fetchall()]

    def some_batch(self):
        return self.connection.execute("select min(batch_id) from enrolments").fetchall()[0][0]

    def batch(self, batch):
        return sorted(self.connection.execute(OF_BATCH.format("?"), [batch]).fetchall())

    def count_enrolments(self):
        return self.connection.execute("select count(*) from enrolments").fetchall()[0][0]

    def write_enrolments(self, file):
        self.connection.execute(f"copy enrolments to '{file}' (format csv)")


class Endpoint:
    """One connection to `pragati serve --postgres`."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.connection = psycopg.connect(f"host={host} port={port} user=bench dbname=pragati", autocommit=True)

    def user(self, user):
        return self.connection.execute(LOOKUP.format("%s"), [user], prepare=True, binary=True).fetchall()

    def copied_batch(self, batch):
        """Rows that came by COPY in binary."""
        sql = f"copy ({OF_BATCH.format(quoted(batch))}) to stdout (format binary)"
        with self.connection.cursor().copy(sql) as copied:
            copied.set_types(["text", "text", "text", "bool"])
            return sorted(copied.rows())


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def copied_bytes(address, what, rows):
    """Copies `what`, which has `rows` rows, and gives the bytes that came. They are read as they come and looked at no further: a
    client that takes rows apart in Python would be what is measured."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as connection:
        begin(connection)
        sql = f"copy {what} to stdout (format binary)".encode() + b"\0"
        connection.sendall(b"Q" + struct.pack("!i", 4 + len(sql)) + sql)
        done = f"COPY {rows}\0".encode()
        end = b"C" + struct.pack("!i", 4 + len(done)) + done + b"Z" + struct.pack("!ic", 5, b"I")
        count, tail = 0, b""
        while not tail.endswith(end):
            piece = connection.recv(PIECE)
            tail = (tail + piece[-TAIL:])[-TAIL:]
            count += len(piece)
            # Every answer, also an error, ends with this; the last row of a copy may do so too.
            if not piece or (is_over(tail) and not tail.endswith(end) and not more_comes(connection)):
                raise Failed(f"copying {what} ended with {tail!r}")
    return count


def begin(connection):
    """Logs in, where no password is asked for."""
    settings = b"user\0bench\0database\0pragati\0\0"
    connection.sendall(struct.pack("!ii", 8 + len(settings), 3 << 16) + settings)
    said = b""
    while not is_over(said):
        piece = connection.recv(PIECE)
        said += piece
        if not piece:
            raise Failed(f"the endpoint closed the connection: {said!r}")


def is_over(said):
    return said.endswith(b"Z" + struct.pack("!ic", 5, b"I"))


def more_comes(connection):
    """Whether there is more to read within a second."""
    connection.settimeout(1)
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False
    finally:
        connection.settimeout(None)


def memory_while(process, work):
    """The largest resident memory of a process during some work, in bytes."""
    status = Path(f"/proc/{process.pid}")
    (status / "clear_refs").write_text("5")
    work()
    return int(re.search(r"VmHWM:\s+(\d+) kB", (status / "status").read_text()).group(1)) * 1024
