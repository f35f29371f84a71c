"""psycopg 3: cursors of the server, many executions, pipelines, and answers that stream.
usage: psycopg_cursors.py [part of a check's name]"""
import time

from psycopg import sql

from common import check, equal, run
from psycopg_common import ROWS, SERIES, connect, fails, is_datafusion, value


@check
def named_cursor():
    with connect(autocommit=False) as connection:
        for binary in (False, True):
            with connection.cursor("users of \"all\"", binary=binary) as cursor:
                cursor.itersize = 7
                cursor.execute("select user_id from users where user_id <> %s order by user_id", ("",))
                found = [row[0] for row in cursor]
                equal(len(found), 300, "users")
                equal(found, sorted(found), "order")
        with connection.cursor("parts") as cursor:
            cursor.execute(SERIES + " order by x")
            equal(cursor.fetchone(), (1,), "first")
            equal(cursor.fetchmany(3), [(2,), (3,), (4,)], "the next three")
        # Closed long before its end.
        equal(value(connection, "select 1"), 1, "after an early close")


@check
def declared_cursor():
    with connect(autocommit=False) as connection:
        connection.execute("declare c cursor for select x from generate_series(1, 10) g(x) order by x")
        equal(connection.execute("fetch 2 from c").fetchall(), [(1,), (2,)], "fetch 2")
        equal(connection.execute("fetch forward 3 from c").fetchall(), [(3,), (4,), (5,)], "fetch forward 3")
        equal(connection.execute("fetch next from c").fetchall(), [(6,)], "fetch next")
        equal(connection.execute("fetch all from c").fetchall(), [(7,), (8,), (9,), (10,)], "fetch all")
        equal(connection.execute("fetch 1 from c").fetchall(), [], "fetch at the end")
        connection.execute("close c")
        fails("34000", connection.execute, "fetch 1 from c")
        connection.rollback()
        connection.execute("declare c cursor for select 1")
        connection.commit()
        fails("34000", connection.execute, "fetch 1 from c")


@check
def several_cursors_at_once():
    with connect(autocommit=False) as connection:
        for name in "abc":
            connection.execute(sql.SQL("declare {} cursor for " + SERIES + " order by x").format(sql.Identifier(name)))
        for turn in range(3):
            for name in "abc":
                rows = connection.execute(f"fetch 2 from {name}").fetchall()
                equal(rows, [(turn * 2 + 1,), (turn * 2 + 2,)], f"turn {turn} of {name}")
        connection.execute("close all")
        connection.commit()


@check
def many_executions():
    with connect() as connection:
        cursor = connection.cursor()
        query = "select count(*) from generate_series(1, 100) g(x) where x <= %s"
        cursor.executemany(query, [(number,) for number in range(50)], returning=True)
        found = [cursor.fetchone()[0]]
        while cursor.nextset():
            found.append(cursor.fetchone()[0])
        equal(found, list(range(50)), "answers")


@check
def pipeline():
    with connect() as connection:
        with connection.pipeline():
            cursors = [connection.execute("select %s::int * 2", (number,)) for number in range(100)]
            equal([cursor.fetchone()[0] for cursor in cursors], [number * 2 for number in range(100)], "answers")
        # An error ends what follows up to the next sync, and nothing else.
        with connection.pipeline() as pipeline_:
            good = connection.execute("select 1")
            pipeline_.sync()
            fails("42P01", lambda: connection.execute("select * from no_such_table").fetchone())
            pipeline_.sync()
            equal(connection.execute("select 2").fetchone(), (2,), "after an error")
            equal(good.fetchone(), (1,), "before an error")


@check
def stream_of_many_rows():
    with connect() as connection:
        for size, binary in ((1, True), (1000, False)):
            count = total = 0
            for (x,) in connection.cursor(binary=binary).stream(SERIES, size=size):
                count += 1
                total += x
            equal((count, total), (ROWS, ROWS * (ROWS + 1) // 2), f"rows and sum, in parts of {size}")


@check
def stream_closed_early():
    with connect() as connection:
        for _ in range(3):
            stream = connection.cursor().stream(SERIES + " order by x")
            equal(next(stream), (1,), "first")
            stream.close()
            equal(value(connection, "select 1"), 1, "after an early close")


@check
def first_rows_come_before_the_last():
    """A stream begins while the query still runs: this one would take minutes."""
    query = "select x, y from generate_series(1, 300000) a(x), generate_series(1, 300000) b(y)"
    with connect() as connection:
        begin = time.monotonic()
        stream = connection.cursor().stream(query) if is_datafusion(connection) else iter([None])
        next(stream)
        equal(time.monotonic() - begin < 20, True, "the first row came in time")
        if hasattr(stream, "close"):
            stream.close()
        equal(value(connection, "select 1"), 1, "after an early close")


run()
