"""SQLAlchemy 2 with psycopg and with psycopg2, which Superset and pandas use: what reflection finds of tables, views and
their columns, and queries with bound parameters, in parts.
usage: sqlalchemy_client.py [part of a check's name]"""
import datetime
import decimal
import os

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql

from common import check, equal, run

COLUMNS = {
    "users": [(name, "TEXT") for name in (
        "user_id", "external_id", "first_name", "last_name", "email", "mobile", "organization_name", "district_name",
        "school_name", "block_name", "tenant_id")],
    "batches": [("batch_id", "TEXT"), ("course_id", "TEXT"), ("batch_name", "TEXT"), ("tenant_id", "TEXT"),
                ("created_by", "TEXT"), ("mentors", "TEXT[]"), ("start_date", "DATE"), ("end_date", "DATE")],
    "enrolments": [("user_id", "TEXT"), ("course_id", "TEXT"), ("batch_id", "TEXT"),
                   ("enrolled_at", "TIMESTAMP WITH TIME ZONE"), ("active", "BOOLEAN")],
    "course_progress": [("user_id", "TEXT"), ("course_id", "TEXT"), ("batch_id", "TEXT"),
                        ("progress_percent", "DOUBLE PRECISION"), ("completed_at", "TIMESTAMP WITH TIME ZONE")],
}
TABLES = {"users", "enrolments", "course_progress", "batches", "download_events"}
VIEWS = {"download_ratio_by_course", "course_progress_report", "distinct_users"}
DRIVERS = ("psycopg", "psycopg2")


def engine(driver, **options):
    address = sa.URL.create(
        f"postgresql+{driver}", os.environ["PGUSER"], os.environ["PGPASSWORD"], os.environ["PGHOST"],
        int(os.environ["PGPORT"]), os.environ["PGDATABASE"])
    return sa.create_engine(address, **options)


def with_each_driver(function):
    for driver in DRIVERS:
        made = engine(driver)
        try:
            function(made)
        except Exception as error:
            error.args = (f"with {driver}: {error}",)
            raise
        finally:
            made.dispose()


def type_name(type_):
    return type_.compile(dialect=postgresql.dialect())


@check
def connecting():
    def here(made):
        with made.connect() as connection:
            equal(connection.scalar(sa.text("select 1")), 1, "select 1")
            equal(made.dialect.default_schema_name, "public", "default schema")
            equal(made.dialect.server_version_info >= (13,), True, "version")
    with_each_driver(here)


@check
def names():
    def here(made):
        inspector = sa.inspect(made)
        equal("public" in inspector.get_schema_names(), True, "schema public is listed")
        equal([name for name in inspector.get_schema_names() if name.startswith("pg_")], [], "schemas of the system")
        for schema in (None, "public"):
            tables = set(inspector.get_table_names(schema))
            views = set(inspector.get_view_names(schema))
            equal(TABLES - tables, set(), "tables that are missing")
            equal(VIEWS - views, set(), "views that are missing")
            equal(tables & views, set(), "both table and view")
            equal({name for name in tables | views if name.startswith("pg_")}, set(), "names of the system")
        equal(inspector.has_table("users"), True, "has users")
        equal(inspector.has_table("download_ratio_by_course"), True, "has a view")
        equal(inspector.has_table("no_such_table"), False, "has no_such_table")
        inspector.get_foreign_table_names("public")
        inspector.get_materialized_view_names("public")
        inspector.get_enums("public")
    with_each_driver(here)


@check
def columns():
    def here(made):
        inspector = sa.inspect(made)
        for table, expected in COLUMNS.items():
            found = [(column["name"], type_name(column["type"])) for column in inspector.get_columns(table, "public")]
            equal(found, expected, f"columns of {table}")
        found = {column["name"]: type_name(column["type"]) for column in inspector.get_columns("download_ratio_by_course")}
        for name, expected in (("downloads", "BIGINT"), ("download_ratio", "DOUBLE PRECISION"), ("window_start", "DATE")):
            equal(found.get(name), expected, name)
        try:
            inspector.get_columns("no_such_table")
        except exc.NoSuchTableError:
            pass
        else:
            raise AssertionError("columns of no_such_table")
    with_each_driver(here)


@check
def keys_and_comments():
    def here(made):
        inspector = sa.inspect(made)
        equal(inspector.get_pk_constraint("users")["constrained_columns"], [], "primary key")
        equal(inspector.get_foreign_keys("users"), [], "foreign keys")
        equal(inspector.get_indexes("users"), [], "indexes")
        equal(inspector.get_unique_constraints("users"), [], "unique constraints")
        equal(inspector.get_check_constraints("users"), [], "check constraints")
        equal("text" in inspector.get_table_comment("users"), True, "comment")
    with_each_driver(here)


@check
def reflecting_everything():
    def here(made):
        metadata = sa.MetaData()
        metadata.reflect(made, views=True)
        equal((TABLES | VIEWS) - set(metadata.tables), set(), "what is missing")
        users = metadata.tables["users"]
        with made.connect() as connection:
            count = connection.scalar(sa.select(sa.func.count()).select_from(users))
            equal(count, 300, "users")
            first = connection.execute(sa.select(users).order_by(users.c.user_id).limit(1)).mappings().one()
            equal(list(first), [name for name, _ in COLUMNS["users"]], "columns")
    with_each_driver(here)


@check
def bound_parameters():
    def here(made):
        metadata = sa.MetaData()
        batches = sa.Table("batches", metadata, autoload_with=made)
        enrolments = sa.Table("enrolments", metadata, autoload_with=made)
        progress = sa.Table("course_progress", metadata, autoload_with=made)
        utc = datetime.timezone.utc
        with made.connect() as connection:
            def count(table, condition):
                return connection.scalar(sa.select(sa.func.count()).select_from(table).where(condition))

            all_batches = connection.execute(sa.select(batches.c.batch_id).order_by(batches.c.batch_id)).scalars().all()
            equal(len(all_batches), 12, "batches")
            equal(count(batches, batches.c.batch_id == all_batches[3]), 1, "equal to text")
            equal(count(batches, batches.c.batch_id.in_(all_batches[:5])), 5, "in a list")
            equal(count(batches, batches.c.batch_id.not_in(all_batches[:5])), 7, "not in a list")
            equal(count(batches, batches.c.batch_id == sa.any_(sa.literal(all_batches[:2], sa.ARRAY(sa.Text)))), 2, "any")
            equal(count(batches, batches.c.start_date <= datetime.date(2100, 1, 1)), 12, "a date")
            equal(count(batches, batches.c.batch_name.ilike("%BATCH 1 %")), 1, "ilike")
            equal(count(batches, batches.c.mentors.is_(None)) > 0, True, "null")
            both = count(enrolments, enrolments.c.active == sa.true()) + count(enrolments, enrolments.c.active == sa.false())
            equal(both, count(enrolments, enrolments.c.active.is_not(None)), "active or not")
            some = count(enrolments, enrolments.c.enrolled_at < datetime.datetime(2026, 9, 1, tzinfo=utc))
            literal = sa.text("select count(*) from enrolments where enrolled_at < '2026-09-01 00:00:00+00'")
            equal(some, connection.scalar(literal), "an instant")
            for number in (50, 50.0, decimal.Decimal(50)):
                found = count(progress, progress.c.progress_percent > number)
                equal(found, count(progress, progress.c.progress_percent > 50), f"{number!r}")
            page = sa.select(batches.c.batch_id).order_by(batches.c.batch_id).limit(3).offset(2)
            equal(connection.execute(page).scalars().all(), all_batches[2:5], "limit and offset")
    with_each_driver(here)


@check
def grouping_by_time():
    def here(made):
        enrolments = sa.Table("enrolments", sa.MetaData(), autoload_with=made)
        month = sa.func.date_trunc("month", enrolments.c.enrolled_at)
        query = sa.select(month.label("month"), sa.func.count()).group_by(month).order_by(month)
        with made.connect() as connection:
            rows = connection.execute(query).all()
            total = connection.scalar(sa.select(sa.func.count()).select_from(enrolments))
            equal(sum(row[1] for row in rows), total, "sum of the months")
            year = sa.extract("year", enrolments.c.enrolled_at)
            found = connection.execute(sa.select(year).distinct().where(enrolments.c.enrolled_at.is_not(None))).scalars()
            equal({int(value) for value in found} <= {2025, 2026}, True, "years")
    with_each_driver(here)


@check
def rows_in_parts():
    def here(made):
        with made.connect().execution_options(stream_results=True, max_row_buffer=100) as connection:
            result = connection.execute(sa.text("select x from generate_series(1, 100000) g(x)"))
            equal(sum(len(part) for part in result.partitions(500)), 100000, "rows")
            result = connection.execute(sa.text("select x from generate_series(1, 3000000) g(x)"))
            result.fetchmany(10)
            result.close()
            equal(connection.scalar(sa.text("select 1")), 1, "after an early close")
    with_each_driver(here)


@check
def pool_and_isolation():
    def here(made):
        for _ in range(3):
            with made.connect() as connection:
                connection.execute(sa.text("set application_name = 'pooled'"))
        for level in ("AUTOCOMMIT", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
            with made.connect().execution_options(isolation_level=level) as connection:
                equal(connection.scalar(sa.text("select 1")), 1, level)
        with made.connect().execution_options(postgresql_readonly=True) as connection:
            equal(connection.scalar(sa.text("select 1")), 1, "read only")
    with_each_driver(here)
    for driver in DRIVERS:
        checked = engine(driver, pool_pre_ping=True)
        for _ in range(2):
            with checked.connect() as connection:
                equal(connection.scalar(sa.text("select 1")), 1, "with a ping before")
        checked.dispose()


@check
def errors_and_rollback():
    def here(made):
        with made.connect() as connection:
            for sql, kind in (("select * from no_such_table", exc.ProgrammingError), ("select 1/0", exc.DBAPIError)):
                try:
                    connection.execute(sa.text(sql))
                except kind:
                    connection.rollback()
                else:
                    raise AssertionError(f"{sql} did not fail")
                equal(connection.scalar(sa.text("select 1")), 1, "after rollback")
    with_each_driver(here)


run()
