"""Measures the PostgreSQL endpoint beside DuckDB over the same Parquet files. Started by benches/endpoint.

Three things: a point query, prepared, over one connection; the same from many connections at once, of which none may lose an
answer; and COPY of all enrolments in the binary format, against DuckDB writing the same rows as a CSV file, with the memory that
the endpoint takes for a fifth of the rows and for all.

Answers must be those of DuckDB. A table is printed; the exit code is 1 where an answer differs. Everything that is made is below
target/.
"""

import datetime
import statistics
import threading
import time

from command import add_binary, add_runs_and_threads, at_least_one, parser, require_binary, run, work_folders
from compare import machine, print_now, say
from contest import remove
from endpoint_ways import DuckdbTables, Endpoint, copied_bytes, memory_while, settings_file
from equality import Different
from exports import SIZES, made_exports
from table import line_of
from tpch_ways import running_endpoint

# A client that waits longer has lost its answer.
PATIENCE = 300
# Rows that are copied to see whether memory grows with them.
SHARE = 5
HEAD = "| what | Pragati | DuckDB | ratio | target |\n|---|---|---|---|---|"


def main():
    options = parse_arguments()
    require_binary(options.binary)
    data, out = work_folders("endpoint")
    exports = made_exports(SIZES[options.size]["usual"], data, say).folder
    settings = settings_file(exports, options.threads, out / "pragati.toml")
    theirs = DuckdbTables(exports, options.threads)
    print_now(f"{datetime.date.today()}, {machine()}, {options.threads} threads, medians of {options.runs}\n\n{HEAD}")
    with running_endpoint(options.binary, settings, out / "serve") as (address, process):
        print_now(point_query(address, theirs, options))
        print_now(many_connections(address, theirs, options))
        print_now(copy(address, process, theirs, options, out))
    remove(out)


def point_query(address, theirs, options):
    """The median over many users, each asked once of both in turn."""
    say("a point query")
    ours = Endpoint(address)
    taken = [[], []]
    for user in theirs.some_users(options.lookups * options.runs):
        answers = [timed(lambda: way.user(user)) for way in (ours, theirs)]
        for seconds, (took, _) in zip(taken, answers):
            seconds.append(took)
        require_equal(f"user {user}", *(answer for _, answer in answers))
    ours_took, theirs_took = (statistics.median(seconds) * 1e3 for seconds in taken)
    cells = [f"{ours_took:.2f} ms", f"{theirs_took:.2f} ms", f"{ours_took / theirs_took:.2f}", "3.0 at most"]
    return line_of(["a point query, prepared, one connection", *cells])


def many_connections(address, theirs, options):
    """All connections begin to ask at once; what is refused, wrong or missing fails."""
    say(f"{options.connections} connections")
    users = theirs.some_users(options.lookups)
    expected = {user: theirs.user(user) for user in users}
    start, faults, answered = threading.Barrier(options.connections + 1), [], []

    def ask(number):
        try:
            client = Endpoint(address)
            start.wait(PATIENCE)
            for user in users[number % len(users):] + users[:number % len(users)]:
                require_equal(f"user {user}", client.user(user), expected[user])
                answered.append(user)
        except Exception as error:  # A client's fault of any kind is a lost answer.
            start.abort()
            faults.append(str(error).splitlines()[0])

    clients = [threading.Thread(target=ask, args=[number], daemon=True) for number in range(options.connections)]
    for client in clients:
        client.start()
    try:
        start.wait(PATIENCE)
    except threading.BrokenBarrierError:
        pass
    started = time.monotonic()
    for client in clients:
        client.join(PATIENCE)
    took = time.monotonic() - started
    wanted = options.connections * len(users)
    if faults or len(answered) != wanted:
        raise Different(f"{len(answered)} of {wanted} answers came: {'; '.join(sorted(set(faults))[:5])}")
    return line_of([f"{options.connections} connections, {wanted} point queries", f"{took:.2f} s, all right", "", "", "none lost"])


def copy(address, process, theirs, options, out):
    """COPY of all rows, and of a share of them, whose memory must be about the same."""
    say("COPY")
    batch = theirs.some_batch()
    require_equal(f"copied rows of {batch}", Endpoint(address).copied_batch(batch), theirs.batch(batch))
    rows, file = theirs.count_enrolments(), out / "enrolments.csv"
    taken = [[], []]
    for _ in range(options.runs):
        taken[0].append(timed(lambda: copied_bytes(address, "enrolments", rows))[0])
        taken[1].append(timed(lambda: theirs.write_enrolments(file))[0])
    share = f"(select * from enrolments limit {rows // SHARE})"
    peaks = [
        memory_while(process, lambda: copied_bytes(address, what, count))
        for what, count in ((share, rows // SHARE), ("enrolments", rows))
    ]
    ours, others = (statistics.median(seconds) for seconds in taken)
    memory = " and ".join(f"{peak / 1e6:.0f} MB" for peak in peaks)
    what = f"COPY of {rows:,} rows in binary, against CSV; memory for 1/{SHARE} and all: {memory}"
    return line_of([what, f"{ours:.2f} s", f"{others:.2f} s", f"{others / ours:.2f} of the rate", "0.8 at least"])


def timed(work):
    started = time.monotonic()
    done = work()
    return time.monotonic() - started, done


def require_equal(what, ours, theirs):
    """Blank texts of the exports are NULL in Pragati's tables."""
    theirs = [tuple(None if cell == "" else cell for cell in row) for row in theirs]
    if ours != theirs:
        raise Different(f"{what}: {ours!r} is not {theirs!r}"[:500])


def parse_arguments():
    options = parser("endpoint", __doc__)
    add_binary(options)
    options.add_argument("--size", choices=SIZES, default="full", help="`small` tries the command; its ratios mean little")
    options.add_argument("--connections", type=at_least_one, default=50, metavar="N", help="at once (default: %(default)s)")
    options.add_argument("--lookups", type=at_least_one, default=100, metavar="N", help="point queries (default: %(default)s)")
    add_runs_and_threads(options)
    return options.parse_args()


if __name__ == "__main__":
    run("endpoint", main)
