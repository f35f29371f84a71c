"""What the Python clients share: a list of checks that all run, one line each, and exit code 1 where one failed.
Connections come from PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE, which every driver reads by itself."""
import os
import sys
import traceback

# Takes minutes, and no memory to speak of.
SLOW = "select count(*) from generate_series(1, 300000) a(x), generate_series(1, 300000) b(y) where x::bigint * y = x + 3 * y + 1"

CHECKS = []


def address(scheme="postgresql"):
    """The connection as a URL."""
    env = os.environ
    return f"{scheme}://{env['PGUSER']}:{env['PGPASSWORD']}@{env['PGHOST']}:{env['PGPORT']}/{env['PGDATABASE']}"


def check(function):
    """Marks a function as one to run; its name says what it checks."""
    CHECKS.append(function)
    return function


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


def run():
    """Runs the checks whose names contain the first argument, or all; does not return."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    failed = 0
    for function in CHECKS:
        if wanted not in function.__name__:
            continue
        name = function.__name__.replace("_", " ")
        try:
            function()
        except Exception as error:  # noqa: BLE001 (a check may fail in any way; all of them are told)
            failed += 1
            state = getattr(error, "sqlstate", None)
            where = traceback.extract_tb(error.__traceback__)
            line = [frame.lineno for frame in where if frame.filename == function.__code__.co_filename][-1]
            message = " ".join(str(error).split())[:500]
            print(f"FAILED {name}, line {line}: {type(error).__name__} {state or ''} {message}", flush=True)
        else:
            print(f"ok {name}", flush=True)
    sys.exit(1 if failed else 0)
