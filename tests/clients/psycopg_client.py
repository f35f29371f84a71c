"""psycopg 3 (libpq): simple and prepared queries, parameters and results of every type, as text and as binary.
usage: psycopg_client.py [part of a check's name]"""
import datetime
import decimal
import math

import psycopg
from psycopg.rows import scalar_row

from common import check, equal, run
from psycopg_common import connect, is_datafusion, value

UTC = datetime.timezone.utc


# SQL, and the Python value that it must become, whichever format the client asks for.
VALUES = [
    ("cast('text' as text)", "text"),
    ("cast('' as text)", ""),
    ("'ಸುಮಾ ಶೆಟ್ಟಿ, \"quoted\" \\ back'", 'ಸುಮಾ ಶೆಟ್ಟಿ, "quoted" \\ back'),
    ("cast(null as text)", None),
    ("true", True),
    ("1 = 2", False),
    ("cast(null as boolean)", None),
    ("cast(-7 as smallint)", -7),
    ("cast(-2147483648 as int)", -2147483648),
    ("cast(9007199254740993 as bigint)", 9007199254740993),
    ("cast(null as bigint)", None),
    ("cast(1.5 as real)", 1.5),
    ("cast(0.1 as double precision)", 0.1),
    ("cast(-1e300 as double precision)", -1e300),
    ("cast('Infinity' as double precision)", math.inf),
    ("cast(12.30 as decimal(10, 2))", decimal.Decimal("12.30")),
    ("cast(-0.05 as decimal(10, 2))", decimal.Decimal("-0.05")),
    ("cast(12345678901234567890.123456 as decimal(30, 6))", None),  # only that it does not fail; see below
    ("date '2026-11-22'", datetime.date(2026, 11, 22)),
    ("date '1969-12-31'", datetime.date(1969, 12, 31)),
    ("cast(null as date)", None),
    ("timestamp '2026-11-22 10:20:30.123456'", datetime.datetime(2026, 11, 22, 10, 20, 30, 123456)),
    ("timestamp '1969-12-31 23:59:59.5'", datetime.datetime(1969, 12, 31, 23, 59, 59, 500000)),
    ("cast(null as timestamp)", None),
    ("array['a', 'b']", ["a", "b"]),
    ("array['comma, brace } \" quote', null, '', 'NULL']", ['comma, brace } " quote', None, "", "NULL"]),
    ("array[1, 2, 3]", [1, 2, 3]),
]


def values(binary):
    with connect() as connection:
        wrong = []
        for expression, expected in VALUES:
            try:
                got = value(connection, f"select {expression}", binary=binary)
            except psycopg.Error as error:
                wrong.append(f"{expression} failed: {error.sqlstate} {error}")
                continue
            if expression.startswith("cast(12345678901234567890."):
                continue
            if got != expected or type(got) is not type(expected):
                wrong.append(f"{expression} is {got!r}")
        equal(wrong, [], "wrong values")
        equal(math.isnan(value(connection, "select cast('NaN' as double precision)", binary=binary)), True, "NaN")


@check
def values_as_text():
    values(binary=False)


@check
def values_as_binary():
    values(binary=True)


@check
def unsigned_numbers():
    with connect() as connection:
        biggest = "'18446744073709551615'"
        here = is_datafusion(connection)
        query = f"select arrow_cast({biggest}, 'UInt64')" if here else f"select cast({biggest} as numeric)"
        for binary in (False, True):
            equal(value(connection, query, binary=binary), 18446744073709551615, f"UInt64, binary {binary}")
            connection.cursor(binary=binary).execute("select line from malformed_telemetry").fetchall()


@check
def dictionaries_and_views_of_text():
    with connect() as connection:
        if not is_datafusion(connection):
            return
        for arrow in ("Utf8", "LargeUtf8", "Utf8View", "Dictionary(Int32, Utf8)"):
            for binary in (False, True):
                got = value(connection, f"select arrow_cast('text', '{arrow}')", binary=binary)
                equal(got, "text", f"{arrow}, binary {binary}")


@check
def time_zones():
    expected = datetime.datetime(2026, 11, 22, 10, 20, 30, 500000, tzinfo=UTC)
    with connect() as connection:
        for binary in (False, True):
            got = value(connection, "select cast('2026-11-22T10:20:30.5Z' as timestamptz)", binary=binary)
            equal(got, expected, f"a timestamp with a zone, binary {binary}")
            # The type of a column, and an instant of it.
            cursor = connection.cursor(binary=binary).execute("select min(enrolled_at) from enrolments")
            equal(cursor.description[0].type_code, 1184, "type of enrolled_at")
            first = cursor.fetchone()[0]
            equal(first.tzinfo is not None, True, "enrolled_at has a zone")
            before = value(connection, "select count(*) from enrolments where enrolled_at < %s", (first,))
            equal(before, 0, "enrolments before the first")
            equal(value(connection, "select count(*) from enrolments where enrolled_at = %s", (first,)) > 0, True, "first")


@check
def intervals():
    with connect() as connection:
        query = "select timestamp '2026-11-22 12:00:00' - timestamp '2026-11-20 10:00:00'"
        for binary in (False, True):
            got = value(connection, query, binary=binary)
            equal(got, datetime.timedelta(days=2, hours=2), f"a difference of times, binary {binary}")


@check
def columns_of_tables():
    with connect() as connection:
        for binary in (False, True):
            cursor = connection.cursor(binary=binary)
            cursor.execute("select * from batches order by batch_id")
            described = [(column.name, column.type_code) for column in cursor.description]
            equal(described, [("batch_id", 25), ("course_id", 25), ("batch_name", 25), ("tenant_id", 25),
                              ("created_by", 25), ("mentors", 1009), ("start_date", 1082), ("end_date", 1082)],
                  "columns of batches")
            rows = cursor.fetchall()
            equal(len(rows), 12, "batches")
            equal([row[5] for row in rows[:2]], [None, []], "mentors of the first two batches")
            equal(rows[0][6:], (datetime.date(2026, 8, 8), datetime.date(2027, 3, 21)), "dates of the first batch")
            cursor.execute("select * from course_progress where completed_at is not null limit 1")
            equal([column.type_code for column in cursor.description], [25, 25, 25, 701, 1184], "course_progress")
            row = cursor.fetchone()
            equal(type(row[3]), float, "progress_percent")
            cursor.execute("select active, count(*) from enrolments group by active")
            equal([column.type_code for column in cursor.description], [16, 20], "active, count")
            cursor.execute("select * from users where 1 = 0")
            equal(len(cursor.description), 11, "columns of an empty answer")
            equal(cursor.fetchall(), [], "an empty answer")


@check
def rows_of_tables_and_views():
    with connect() as connection:
        counts = {"users": 300, "batches": 12, "download_ratio_by_course": None, "course_progress_report": None}
        for table, expected in counts.items():
            counted = value(connection, f"select count(*) from {table}")
            for binary in (False, True):
                rows = connection.cursor(binary=binary).execute(f"select * from {table}").fetchall()
                equal(len(rows), counted if expected is None else expected, f"rows of {table}, binary {binary}")
        equal(value(connection, "select count(*) from download_ratio_by_course") > 0, True, "ratios by course")


# A query with one parameter, a value, and the same value as SQL.
PARAMETERS = [
    ("select count(*) from users where tenant_id = %s", "01262400179213636102", "'01262400179213636102'"),
    ("select count(*) from users where first_name = %s", "it's \\ \"odd\"", "'it''s \\ \"odd\"'"),
    ("select count(*) from generate_series(1, 10) g(x) where x > %s", 3, "3"),
    ("select count(*) from generate_series(1, 10) g(x) where x < %s", 5_000_000_000, "5000000000"),
    ("select sum(x + %s) from generate_series(1, 10) g(x)", 40000, "40000"),
    ("select count(*) from course_progress where progress_percent >= %s", 50.5, "50.5"),
    ("select count(*) from course_progress where progress_percent >= %s", decimal.Decimal("50.5"), "50.5"),
    ("select count(*) from enrolments where active = %s", True, "true"),
    ("select count(*) from batches where start_date <= %s", datetime.date(2026, 8, 8), "date '2026-08-08'"),
    ("select count(*) from enrolments where enrolled_at < %s", datetime.datetime(2026, 9, 1, tzinfo=UTC),
     "'2026-09-01 00:00:00+00'"),
    ("select count(*) from enrolments where enrolled_at < %s",
     datetime.datetime(2026, 9, 1, 5, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30))),
     "'2026-09-01 00:00:00+00'"),
    ("select coalesce(%s::text, 'nothing')", None, "null"),
    ("select count(*) from users where tenant_id = %s", None, "null"),
    ("select count(*) from users where tenant_id = any(%s)", ["01262400179213636102", "x"],
     "array['01262400179213636102', 'x']"),
    ("select count(*) from users where tenant_id = any(%s)", ["comma, } \" quote"], "array['comma, } \" quote']"),
    ("select count(*) from generate_series(1, 10) g(x) where x = any(%s)", [1, 2, 99], "array[1, 2, 99]"),
    ("select count(*) from users limit %s", 1, "1"),
]


@check
def parameters():
    with connect() as connection:
        wrong = []
        for query, parameter, literal in PARAMETERS:
            expected = value(connection, query.replace("%s", literal))
            for placeholder in ("%s", "%t", "%b"):
                for prepare in (False, True):
                    asked = query.replace("%s", placeholder)
                    try:
                        cursor = connection.cursor(row_factory=scalar_row, binary=prepare)
                        got = cursor.execute(asked, (parameter,), prepare=prepare).fetchone()
                    except psycopg.Error as error:
                        wrong.append(f"{asked} with {parameter!r}, prepared {prepare}: {error.sqlstate} {error}")
                        continue
                    if got != expected:
                        wrong.append(f"{asked} with {parameter!r}, prepared {prepare}: {got!r} instead of {expected!r}")
        equal(wrong, [], "wrong answers")


@check
def several_parameters():
    with connect() as connection:
        cursor = psycopg.RawCursor(connection)
        query = "select count(*) from users where tenant_id = $2 or tenant_id = $1 or $2 = $3"
        for prepare in (False, True, True):
            cursor.execute(query, ("01262400179213636102", "none", "other"), prepare=prepare)
            equal(cursor.fetchone()[0] > 0, True, "users")


@check
def statement_many_times():
    with connect(prepare_threshold=2) as connection:
        for number in range(20):
            got = value(connection, "select count(*) from generate_series(1, 20) g(x) where x <= %s", (number,))
            equal(got, number, "count")
        connection.execute("deallocate all")
        equal(value(connection, "select 1"), 1, "after deallocate")


@check
def several_statements():
    with connect() as connection:
        cursor = connection.execute("select 1 as a; select 'two' as b, 2; -- a comment\n select 3 as c;")
        found = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
        equal(found, [[(1,)], [("two", 2)], [(3,)]], "answers")
        for nothing in ("", ";", "-- only a comment"):
            connection.execute(nothing)
        equal(value(connection, "select 1; "), 1, "after nothing")


run()
