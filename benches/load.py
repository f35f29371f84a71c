"""Clicks all at once on `pragati serve`, and prints how fast their reports reach a mail server. Started by benches/load."""

import argparse
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parents[1]
PRAGATI = PROJECT / "target/release/pragati"
WORK = PROJECT / "target/bench-load"
CLICKERS = 8


def main():
    options = parse_arguments()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    exports, reports = WORK / "exports", WORK / "reports"
    make_exports(exports, options.batches, options.rows)
    subprocess.run([PRAGATI, "nightly", "-q", "--exports", exports, "--out", reports], check=True)
    with running(mail_server()) as mail, running(service(exports, reports, mail.place)) as serve:
        started = time.monotonic()
        with ThreadPoolExecutor(CLICKERS) as clickers:
            list(clickers.map(lambda number: click(serve.place, number, options.batches), range(options.requests)))
        accepted = time.monotonic() - started
        requests = wait_until_sent(options.requests)
        peak = peak_memory(serve.process.pid)
    report(options, accepted, requests, peak)
    shutil.rmtree(WORK)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="benches/load", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000, metavar="N")
    parser.add_argument("--batches", type=int, default=10, metavar="N", help="that the requests are for, in turn")
    parser.add_argument("--rows", type=int, default=100_000, metavar="N", help="of each batch")
    return parser.parse_args()


def make_exports(folder, batches, rows):
    """`batches` batches of `rows` rows each; every user is in half of the batches."""
    day = "date=2026-11-22"
    users = 2 * rows
    tables = {
        "users": f"""select md5('u' || i) as user_id, 'EXT' || i as external_id, 'अनीता' as first_name, 'Kumar ' || i % 997
            as last_name, 'teacher' || i || '@example.org' as email, '98' || i + 10000000 as mobile,
            'State Council of Education ' || i % 36 as organization_name, 'District ' || i % 700 as district_name,
            'GOVT HIGH SCHOOL NO ' || i % 60000 as school_name, 'Block ' || i % 7000 as block_name, 't' || i % 36 as tenant_id
            from range({users}) as numbers(i)""",
        "enrolments": f"""select md5('u' || (i * 2 + b % 2)) as user_id, 'c1' as course_id, 'batch-' || b as batch_id,
            timestamptz '2026-01-01 00:00:00+00' + to_minutes(i) as enrolled_at, true as active
            from range({rows}) as numbers(i), range({batches}) as ids(b)""",
        "course_progress": f"""select md5('u' || (i * 2 + b % 2)) as user_id, 'c1' as course_id, 'batch-' || b as batch_id,
            (i % 101)::int as progress_percent, case when i % 101 = 100 then timestamptz '2026-06-01 00:00:00+00' end
            as completed_at from range({rows}) as numbers(i), range({batches}) as ids(b)""",
        "batches": f"""select 'batch-' || b as batch_id, 'c1' as course_id, 'Batch ' || b as batch_name, 't1' as tenant_id
            from range({batches}) as ids(b)""",
    }
    for name, sql in tables.items():
        place = folder / name / day
        place.mkdir(parents=True)
        duckdb.sql(sql).write_parquet(str(place / "part-00000.parquet"), compression="zstd")


class running:
    """A process, and the HOST:PORT at the end of its first line that has one; it is stopped at the end."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if ":" in line and line.strip().rsplit(":", 1)[1].isdigit():
                self.place = line.strip().split()[-1].rsplit("/", 1)[-1]
                # Whatever it says later must not wait for a reader.
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return
        sys.exit(f"{command[0]} did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def mail_server():
    server = PROJECT / "tests/servers/smtp_server.py"
    return [sys.executable, server, "--plain", "--port", "0", "--mails", WORK / "mails"]


def service(exports, reports, mail):
    command = [PRAGATI, "serve", "--dev-auth", "--listen", "127.0.0.1:0", "--data", WORK / "data"]
    command += ["--exports", exports, "--reports", reports]
    return [*command, "--mail-server", f"smtp+plain://{mail}", "--mail-from", "reports@example.org"]


def click(place, number, batches):
    connection = http.client.HTTPConnection(place)
    body = {"batch_id": f"batch-{number % batches}", "format": "csv", "deliver": "email"}
    headers = {
        "Authorization": f"Bearer dev:user-{number},user{number}@example.org,pragati-admin",
        "Content-Type": "application/json",
    }
    connection.request("POST", "/api/v1/reports", json.dumps(body), headers)
    answer = connection.getresponse()
    if answer.status != 202:
        sys.exit(f"a click was answered {answer.status}: {answer.read().decode()}")
    connection.close()


def wait_until_sent(count):
    command = [PRAGATI, "requests", "list", "--limit", str(count), "--format", "json", "--data", WORK / "data"]
    while True:
        requests = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        failed = [request for request in requests if request["status"] == "failed"]
        if failed:
            sys.exit(f"a request failed: {failed[0]}")
        if all(request["status"] == "sent" for request in requests):
            return requests
        time.sleep(2)


def peak_memory(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1e6


def report(options, accepted, requests, peak):
    def seconds(text):
        return datetime.fromisoformat(text).timestamp()

    waits = sorted(seconds(request["finished_at"]) - seconds(request["requested_at"]) for request in requests)
    first = min(seconds(request["requested_at"]) for request in requests)
    took = max(seconds(request["finished_at"]) for request in requests) - first
    at = lambda share: waits[min(len(waits) - 1, int(len(waits) * share))]
    print(f"{options.requests} requests for {options.batches} batches of {options.rows} rows, {os.cpu_count()} cores")
    print(f"accepted in {accepted:.1f} s; all mails handed over in {took:.0f} s, {60 * len(waits) / took:.0f} a minute")
    print(f"request to mail: p50 {at(0.5):.1f} s, p95 {at(0.95):.1f} s, p99 {at(0.99):.1f} s, longest {waits[-1]:.1f} s")
    print(f"peak memory of the service: {peak:.2f} GB")


if __name__ == "__main__":
    main()
