"""What the files for psycopg share."""
import os

import psycopg
from psycopg import errors
from psycopg.rows import scalar_row

from common import equal

# The rows of a long stream.
ROWS = int(os.environ.get("ROWS", "3000000"))
SERIES = f"select x from generate_series(1, {ROWS}) g(x)"


def connect(**options):
    return psycopg.connect("", autocommit=options.pop("autocommit", True), **options)


def value(connection, query, parameters=None, **options):
    """The one value of a query."""
    return connection.cursor(row_factory=scalar_row, **options).execute(query, parameters).fetchone()


def fails(state, function, *arguments):
    """The function must fail with this SQLSTATE."""
    try:
        function(*arguments)
    except psycopg.Error as error:
        equal(error.sqlstate, state, f"SQLSTATE of {arguments} ({error})")
    else:
        raise AssertionError(f"{arguments} did not fail with {state}")


def is_datafusion(connection):
    """False on PostgreSQL itself, which has other ways to write some types."""
    try:
        return value(connection, "select arrow_typeof(1)") is not None
    except errors.UndefinedFunction:
        return False
