"""Compares a nightly run on a cluster with the same run in one process.

Starts a scheduler and executors of this program on loopback, runs `nightly` with and without them in turn on the same
exports, checks that all files are the same, and prints medians of wall time.
"""

import argparse
import hashlib
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[1]


def main():
    options = parse_arguments()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        folder = pathlib.Path(folder)
        for enrolments in options.enrolments:
            exports = sample(options, folder, enrolments)
            print(row(options, folder, exports, enrolments), flush=True)
            shutil.rmtree(exports)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="benches/cluster", description=__doc__)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/pragati")
    parser.add_argument("--enrolments", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--executors", type=int, default=2, help="with one slot each; the single process has as many threads")
    parser.add_argument("--partitions", type=int, help="of an exchange; as many as executors where nothing is said")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, help="where exports and outputs go while it runs")
    return parser.parse_args()


def sample(options, folder, enrolments):
    exports = folder / "exports"
    sizes = ["--enrolments", enrolments, "--users", enrolments // 5, "--batches", max(enrolments // 1_000, 1), "--days", 1]
    run([options.binary, "sample", "--quiet", "--out", exports, *sizes])
    return exports


def row(options, folder, exports, enrolments):
    alone, together, outputs = [], [], []
    with Cluster(options, folder) as cluster:
        for number in range(options.runs):
            for seconds, place in ((alone, []), (together, ["--cluster", cluster.address])):
                out = folder / "out"
                start = time.monotonic()
                nightly = [options.binary, "nightly", "--quiet", "--exports", exports, "--out", out]
                run([*nightly, "--threads", options.executors, *place], partitions=cluster.partitions)
                seconds.append(time.monotonic() - start)
                if number == 0:
                    outputs.append(hashes(out))
                shutil.rmtree(out)
    if outputs[0] != outputs[1]:
        sys.exit("the outputs differ")
    one, many = statistics.median(alone), statistics.median(together)
    return (
        f"| {enrolments:,} enrolments | {many:.1f} s | one process, {options.executors} threads: {one:.1f} s | {many / one:.2f} |"
    )


class Cluster:
    def __init__(self, options, folder):
        self.partitions = options.partitions or options.executors
        self.port = free_port()
        self.address = f"df://localhost:{self.port}"
        self.commands = [["scheduler", "--quiet", "--listen", f"127.0.0.1:{self.port}"]]
        for number in range(options.executors):
            self.commands.append(
                ["executor", "--scheduler", self.address, "--listen", f"127.0.0.1:{free_port()}", "--slots", 1]
                + ["--work-dir", folder / f"executor-{number}"]
            )
        self.binary, self.processes = options.binary, []

    def __enter__(self):
        for command in self.commands:
            self.processes.append(subprocess.Popen(words([self.binary, "cluster", *command])))
            time.sleep(1)
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def hashes(out):
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and path.name not in ("manifest.json", ".pragati.lock")]
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def words(command):
    return [str(word) for word in command]


def run(command, partitions=1):
    subprocess.run(words(command), check=True, env={"PRAGATI_CLUSTER__PARTITIONS": str(partitions)}, cwd="/")


if __name__ == "__main__":
    main()
