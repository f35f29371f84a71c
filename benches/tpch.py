"""Measures the 22 queries of TPC-H in Pragati and DuckDB over the same Parquet files. Started by benches/tpch.

Every query is asked in two manners. Over one connection, DuckDB runs in this process and Pragati is `pragati serve
--postgres`, asked with psycopg: the time until all rows are there. As whole processes, DuckDB is a Python script and Pragati
is `pragati sql -f`: the time from the start to the end, with opening the tables, and with a Parquet file of the answer.

The answers of both manners must be the same rows, in the order that the query asks for. A table is printed; the exit code is
1 where an answer differs. Everything that is made is below target/.
"""

import datetime
import statistics

from command import PROJECT, add_binary, add_runs_and_threads, parser, require_binary, run, some_of, work_folders
from compare import machine, print_now, say
from contest import Failed, remove, run_in_turn
from equality import Different
from exports import bring_to_memory
from table import line_of
from tpch_answers import same_answers
from tpch_ways import InDuckdb, InEndpoint, answer_in, endpoint, made_tables, processes, settings_file

QUERIES = sorted(PROJECT.glob("benches/tpch_queries/q*.sql"))
# The share in the value of all stock that makes a part important in query 11, at scale factor 1.
SHARE = "0.0001"
HEAD = """\
| query | Pragati, endpoint | DuckDB, in process | ratio | `pragati sql` | DuckDB, process | ratio | answers |
|---|---|---|---|---|---|---|---|"""


def main():
    options = parse_arguments()
    require_binary(options.binary)
    data, out = work_folders("tpch")
    exports = made_tables(data, options.scale, say)
    bring_to_memory(exports)
    results = measured(options, exports, out)
    about = f"{machine()}, {options.threads} threads, scale factor {options.scale:g}, medians of {options.runs}"
    print_now(f"{datetime.date.today()}, {about}\n")
    print_now(HEAD)
    for result in results:
        print_now(result.line())
    print_now(sums(results))
    if any(result.as_processes for result in results):
        print_now("\n" + largest_memory(results))
    remove(out)
    wrong = [f"{result.query}, {wrong}" for result in results for wrong in result.wrong]
    if wrong:
        raise Different("\n  ".join(["answers differ:", *wrong]))


def measured(options, exports, out):
    settings = settings_file(exports, options.threads, out / "pragati.toml")
    queries = [scaled(query, options.scale, out) for query in QUERIES if query.stem in options.only]
    results = [Result(query.stem) for query in queries]
    with endpoint(options.binary, settings, out / "serve") as address:
        ways = [InEndpoint(address), InDuckdb(exports, options.threads)]
        for query, result in zip(queries, results):
            say(f"{query.stem} over connections")
            result.connections(query.read_text(), ways, options.runs)
    for query, result in zip(queries, results):
        say(f"{query.stem} as processes")
        contenders = processes(options.binary, settings, exports, query, options.threads, out)
        result.processes(query.read_text(), contenders, options.runs)
    return results


def scaled(query, scale, out):
    """A copy of the query for this scale factor."""
    sql = query.read_text()
    if query.stem == "q11":
        sql = sql.replace(SHARE, f"{float(SHARE) / scale:.10f}".rstrip("0"))
    copy = out / query.name
    copy.write_text(sql)
    return copy


class Result:
    """What one query took, ours and theirs, and where its answers differ."""

    def __init__(self, query):
        self.query = query
        # Seconds by manner; none where a way failed.
        self.over_connections, self.as_processes = None, None
        self.wrong = []

    def connections(self, sql, ways, runs):
        seconds = [[], []]
        try:
            for _ in range(runs):
                answers = [way.ask(sql) for way in ways]
                for taken, (took, _) in zip(seconds, answers):
                    taken.append(took)
            self.over_connections = [statistics.median(taken) for taken in seconds]
            same_answers(sql, *(answer for _, answer in answers))
        except (Failed, Different) as error:
            self.wrong.append(f"endpoint: {error}")

    def processes(self, sql, contenders, runs):
        try:
            self.as_processes = run_in_turn(contenders, runs, say)
            same_answers(sql, *(answer_in(contender.out) for contender in contenders))
        except (Failed, Different) as error:
            self.wrong.append(f"`pragati sql`: {error}")

    def line(self):
        seconds = [taken.seconds for taken in self.as_processes] if self.as_processes else None
        return line_of([self.query, *pair(self.over_connections), *pair(seconds), "; ".join(self.wrong) or "equal"])


def sums(results):
    """Only of queries that every way answered."""
    both = [result for result in results if result.over_connections and result.as_processes]
    connections = [sum(result.over_connections[side] for result in both) for side in (0, 1)]
    seconds = [sum(result.as_processes[side].seconds for result in both) for side in (0, 1)]
    return line_of([f"all {len(both)}", *pair(connections), *pair(seconds), ""])


def largest_memory(results):
    peaks = [max(result.as_processes[side].peak_bytes for result in results if result.as_processes) for side in (0, 1)]
    return "largest memory of a process: `pragati sql` {:.2f} GB, DuckDB {:.2f} GB".format(*(peak / 1e9 for peak in peaks))


def pair(seconds):
    if not seconds or not seconds[1]:
        return ["–"] * 3
    ours, theirs = seconds
    return [f"{ours:.3f} s", f"{theirs:.3f} s", f"{ours / theirs:.2f}"]


def parse_arguments():
    names = [query.stem for query in QUERIES]
    options = parser("tpch", __doc__)
    add_binary(options)
    options.add_argument("--scale", type=float, default=1, metavar="N", help="scale factor (default: 1, about 1 GB of text)")
    options.add_argument("--only", type=some_of(names), default=names, help="queries, such as q01,q06 (default: all)")
    add_runs_and_threads(options)
    return options.parse_args()


if __name__ == "__main__":
    run("tpch", main)
