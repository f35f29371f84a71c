"""DuckDB's scanner of PostgreSQL: it attaches the database, and reads tables through COPY in binary, by ranges of pages.
usage: duckdb_client.py [part of a check's name]"""
import pathlib

import duckdb
import duckdb_extension_postgres_scanner

from common import address, check, equal, run


def attached(**settings):
    connection = duckdb.connect()
    package = pathlib.Path(duckdb_extension_postgres_scanner.__file__).parent
    [extension] = package.rglob("postgres_scanner.duckdb_extension")
    connection.execute(f"load '{extension}'")
    for name, value in settings.items():
        connection.execute(f"set {name} = {value}")
    connection.execute(f"attach '{address()}' as pragati (type postgres, read_only)")
    return connection


@check
def tables_and_views_are_read():
    connection = attached()
    for table in ("users", "enrolments", "batches", "download_ratio_by_course", "course_progress_report"):
        there = connection.execute(f"select n from postgres_query('pragati', 'select count(*) as n from {table}')").fetchone()
        here = connection.execute(f"select count(*) from (select * from pragati.public.{table})").fetchone()
        equal(here, there, table)


@check
def values_are_those_of_the_other_protocol():
    query = "select * from pragati.public.batches order by batch_id"
    equal(attached().execute(query).fetchall(), attached(pg_use_text_protocol="true").execute(query).fetchall(), "batches")


@check
def joins_and_filters():
    query = """
        select count(*) from pragati.public.enrolments e join pragati.public.users u using (user_id)
        where u.tenant_id = '01262286985764420587' and e.active"""
    equal(attached().execute(query).fetchone()[0] > 100, True, "enrolments of a tenant")


run()
