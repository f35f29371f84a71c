"""asyncpg, which asks for every value in PostgreSQL's binary format and looks up types by itself: values, parameters,
arrays, cursors, errors, time limits, a pool.
usage: asyncpg_client.py [part of a check's name]"""
import asyncio
import datetime
import decimal

import asyncpg

from common import SLOW, check, equal, run

UTC = datetime.timezone.utc


def with_connection(function):
    async def inside():
        connection = await asyncpg.connect()
        try:
            await function(connection)
        finally:
            await connection.close(timeout=5)
    asyncio.run(inside())


@check
def values():
    async def here(connection):
        row = await connection.fetchrow(
            "select cast('x' as text) a, true b, cast(-7 as int) c, cast(9007199254740993 as bigint) d, cast(1.5 as real) e,"
            " cast(0.1 as double precision) f, cast(12.30 as decimal(10, 2)) g, date '2026-11-22' h,"
            " timestamp '2026-11-22 10:20:30.123456' i, cast(null as text) k")
        equal(list(row.values()), [
            "x", True, -7, 9007199254740993, 1.5, 0.1, decimal.Decimal("12.30"), datetime.date(2026, 11, 22),
            datetime.datetime(2026, 11, 22, 10, 20, 30, 123456), None], "values")
        equal(str(row["g"]), "12.30", "decimal with its scale")
    with_connection(here)


@check
def tables():
    async def here(connection):
        rows = await connection.fetch("select * from batches order by batch_id")
        equal(len(rows), 12, "batches")
        equal([row["mentors"] for row in rows[:2]], [None, []], "mentors")
        equal(rows[0]["start_date"], datetime.date(2026, 8, 8), "start_date")
        rows = await connection.fetch(
            "select * from course_progress where completed_at is not null and progress_percent is not null")
        equal({type(row["progress_percent"]) for row in rows}, {float}, "progress_percent")
        equal({row["completed_at"].tzinfo for row in rows}, {UTC}, "zone of completed_at")
        for relation in ("users", "enrolments", "download_ratio_by_course", "course_progress_report"):
            counted = await connection.fetchval(f"select count(*) from {relation}")
            equal(len(await connection.fetch(f"select * from {relation}")), counted, f"rows of {relation}")
    with_connection(here)


@check
def parameters():
    async def here(connection):
        cases = [
            ("select count(*) from users where tenant_id = $1", "01262400179213636102", "'01262400179213636102'"),
            ("select count(*) from users where tenant_id = any($1::text[])", ["01262400179213636102", "x"],
             "array['01262400179213636102', 'x']"),
            ("select count(*) from enrolments where active = $1", True, "true"),
            ("select count(*) from enrolments where enrolled_at < $1", datetime.datetime(2026, 9, 1, tzinfo=UTC),
             "'2026-09-01 00:00:00+00'"),
            ("select count(*) from batches where start_date <= $1", datetime.date(2026, 8, 8), "date '2026-08-08'"),
            ("select count(*) from course_progress where progress_percent >= $1", 50.5, "50.5"),
            ("select count(*) from generate_series(1, 10) g(x) where x > $1", 3, "3"),
            ("select $1::text", None, "cast(null as text)"),
            ("select $1::bigint + 1", 41, "41"),
            ("select coalesce($1::decimal(10, 2), 0)", decimal.Decimal("12.30"), "cast(12.30 as decimal(10, 2))"),
        ]
        for query, parameter, literal in cases:
            expected = await connection.fetchval(query.replace("$1", literal))
            equal(await connection.fetchval(query, parameter), expected, f"{query} with {parameter!r}")
    with_connection(here)


@check
def prepared_statements():
    async def here(connection):
        statement = await connection.prepare("select batch_id, mentors, start_date from batches where batch_id <> $1")
        equal([type_.name for type_ in statement.get_parameters()], ["text"], "types of parameters")
        attributes = [(attribute.name, attribute.type.name) for attribute in statement.get_attributes()]
        equal(attributes, [("batch_id", "text"), ("mentors", "text[]"), ("start_date", "date")], "columns")
        for _ in range(3):
            equal(len(await statement.fetch("none")), 12, "batches")
        await connection.executemany("select $1::int", [(number,) for number in range(10)])
    with_connection(here)


@check
def cursors():
    async def here(connection):
        async with connection.transaction():
            count = 0
            async for _ in connection.cursor("select x from generate_series(1, 100000) g(x)", prefetch=1000):
                count += 1
            equal(count, 100000, "rows")
            cursor = await connection.cursor("select x from generate_series(1, 3000000) g(x) order by x")
            equal([row[0] for row in await cursor.fetch(3)], [1, 2, 3], "the first three")
            equal((await cursor.fetchrow())[0], 4, "after them")
        equal(await connection.fetchval("select 1"), 1, "after an early close")
    with_connection(here)


@check
def errors():
    async def here(connection):
        for query, state in (("select * from no_such_table", "42P01"), ("select no_such from users", "42703"),
                             ("selec 1", "42601"), ("select 1/0", "22012"), ("drop table users", "42501")):
            try:
                await connection.fetch(query)
            except asyncpg.PostgresError as error:
                equal(error.sqlstate, state, f"SQLSTATE of {query}")
            else:
                raise AssertionError(f"{query} did not fail")
            equal(await connection.fetchval("select 1"), 1, f"after {query}")
    with_connection(here)


@check
def time_limits():
    async def here(connection):
        try:
            await connection.fetch(SLOW, timeout=1)
        except asyncio.TimeoutError:
            pass
        else:
            raise AssertionError("a query that takes minutes came back")
        equal(await connection.fetchval("select 1", timeout=10), 1, "after a time limit")
    with_connection(here)


@check
def transactions():
    async def here(connection):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            equal(await connection.fetchval("select count(*) from users"), 300, "users")
            try:
                async with connection.transaction():
                    await connection.fetch("select 1/0")
            except asyncpg.DivisionByZeroError:
                pass
            equal(await connection.fetchval("select 1"), 1, "after a savepoint")
    with_connection(here)


@check
def pool():
    """A connection that goes back to the pool is reset with several statements at once."""
    async def inside():
        async with asyncpg.create_pool(min_size=5, max_size=5) as made:
            async def one(number):
                async with made.acquire() as connection:
                    await connection.execute("set application_name = 'pooled'")
                    return await connection.fetchval("select count(*) from generate_series(1, 100) g(x) where x <= $1", number)
            equal(await asyncio.gather(*map(one, range(50))), list(range(50)), "answers")
    asyncio.run(inside())


run()
