"""Runs a command and prints its seconds, its seconds of processor time, peak memory in bytes, and exit code as JSON.

usage: run_measured.py LOG COMMAND…; LOG receives what the command prints.

A process of its own, and a small one: the kernel counts a parent's memory as its child's until the child is another
program.
"""

import json
import os
import sys
import time

log, *command = sys.argv[1:]
printed = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
started = time.monotonic()
actions = [(os.POSIX_SPAWN_DUP2, printed, 1), (os.POSIX_SPAWN_DUP2, printed, 2)]
process = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
_, status, usage = os.wait4(process, 0)
seconds = time.monotonic() - started
result = {
    "seconds": seconds,
    "cpu_seconds": usage.ru_utime + usage.ru_stime,
    "peak_bytes": usage.ru_maxrss * 1024,
    "code": os.waitstatus_to_exitcode(status),
}
print(json.dumps(result))
