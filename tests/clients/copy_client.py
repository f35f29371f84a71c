"""COPY … TO STDOUT through drivers' own ways to it: psycopg 3 and 2, and asyncpg.
usage: copy_client.py [part of a check's name]"""
import asyncio
import io

import asyncpg
import psycopg
import psycopg2

from common import check, equal, run

QUERY = "select user_id, tenant_id, active from users join enrolments using (user_id) order by 1, 2, 3 limit 50"


def rows():
    with psycopg.connect() as connection:
        return connection.execute(QUERY).fetchall()


@check
def psycopg_rows_as_text_and_binary():
    types = ["text", "text", "bool"]
    with psycopg.connect() as connection:
        for form in ("", "(format binary)"):
            with connection.cursor().copy(f"copy ({QUERY}) to stdout {form}") as copy:
                copy.set_types(types)
                equal(list(copy.rows()), rows(), f"rows {form}")
        equal(connection.execute("select 1").fetchone(), (1,), "after COPY")


@check
def psycopg_ends_a_copy_early():
    with psycopg.connect() as connection:
        try:
            with connection.cursor().copy("copy (select x from generate_series(1, 3000000) g(x)) to stdout") as copy:
                copy.read()
                raise KeyError("enough")
        except KeyError:
            pass
        connection.rollback()
        equal(connection.execute("select 1").fetchone(), (1,), "after COPY")


@check
def psycopg2_writes_csv_of_tables_and_queries():
    connection = psycopg2.connect("")
    with connection.cursor() as cursor:
        file = io.StringIO()
        cursor.copy_expert(f"copy ({QUERY}) to stdout with (format csv, header)", file)
        lines = file.getvalue().splitlines()
        equal(lines[0], "user_id,tenant_id,active", "header")
        equal(len(lines), 51, "lines")
        file = io.StringIO()
        cursor.copy_to(file, "batches", sep="|", null="none", columns=("batch_id", "mentors"))
        equal(len(file.getvalue().splitlines()), 12, "batches")
    connection.close()


@check
def asyncpg_copies_queries_and_tables():
    async def copied():
        connection = await asyncpg.connect()
        file = io.BytesIO()
        status = await connection.copy_from_query(QUERY, output=file, format="csv", delimiter=";", null="-", force_quote=True)
        equal(status, "COPY 50", "status")
        equal(file.getvalue().count(b'"'), 2 * 3 * 50, "quotes")
        file = io.BytesIO()
        query = "select count(*) from users where tenant_id <> $1"
        await connection.copy_from_query(query, "none", output=file)
        equal(int(file.getvalue()) > 0, True, "count")
        file = io.BytesIO()
        await connection.copy_from_table("batches", columns=["batch_id"], output=file, format="binary")
        equal(file.getvalue()[:11], b"PGCOPY\n\xff\r\n\0", "signature")
        await connection.close()

    asyncio.run(copied())


run()
