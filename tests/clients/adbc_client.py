"""ADBC's PostgreSQL driver, which gives answers as Arrow: tables and views as they are, with the driver's own look-up of
types at connect. By itself it reads through COPY … TO STDOUT in binary; with parameters, or where that is switched off, rows.
usage: adbc_client.py [part of a check's name]"""
import adbc_driver_manager
import pyarrow
from adbc_driver_postgresql import StatementOptions, dbapi

from common import address, check, equal, run


def table(connection, query, parameters=None, use_copy="true"):
    with connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{StatementOptions.USE_COPY.value: use_copy})
        cursor.execute(query, parameters)
        return cursor.fetch_arrow_table()


@check
def tables():
    with dbapi.connect(address(), autocommit=True) as connection:
        batches = table(connection, "select * from batches order by batch_id")
        equal(batches.num_rows, 12, "batches")
        equal(batches.schema.field("start_date").type, pyarrow.date32(), "start_date")
        equal(batches.schema.field("mentors").type, pyarrow.list_(pyarrow.field("item", pyarrow.string())), "mentors")
        progress = table(connection, "select * from course_progress")
        equal(progress.schema.field("progress_percent").type, pyarrow.float64(), "progress_percent")
        equal(progress.schema.field("completed_at").type, pyarrow.timestamp("us", "UTC"), "completed_at")
        for relation in ("users", "enrolments", "download_ratio_by_course", "course_progress_report"):
            counted = table(connection, f"select count(*) as n from {relation}").column("n")[0].as_py()
            equal(table(connection, f"select * from {relation}").num_rows, counted, f"rows of {relation}")


@check
def rows_and_copy_are_the_same():
    query = "select user_id, batch_id, active, enrolled_at from enrolments order by 1, 2"
    with dbapi.connect(address(), autocommit=True) as connection:
        equal(table(connection, query) == table(connection, query, use_copy="false"), True, "the tables")


@check
def parameters():
    with dbapi.connect(address(), autocommit=True) as connection:
        found = table(connection, "select count(*) as n from batches where batch_id <> $1", ("none",), use_copy="false")
        equal(found.column("n")[0].as_py(), 12, "batches")


@check
def objects():
    with dbapi.connect(address(), autocommit=True) as connection:
        catalogs = connection.adbc_get_objects(depth="tables", db_schema_filter="public").read_all().to_pylist()
        schemas = [schema for catalog in catalogs for schema in catalog["catalog_db_schemas"] or []]
        kinds = {each["table_name"]: each["table_type"] for schema in schemas for each in schema["db_schema_tables"]}
        equal(kinds.get("users"), "table", "users")
        equal(kinds.get("download_ratio_by_course"), "view", "download_ratio_by_course")
        schema = connection.adbc_get_table_schema("users", db_schema_filter="public")
        equal([field.name for field in schema][:2], ["user_id", "external_id"], "columns of users")


@check
def errors():
    with dbapi.connect(address(), autocommit=True) as connection:
        try:
            table(connection, "select * from no_such_table")
        except adbc_driver_manager.Error as error:
            equal(error.sqlstate, "42P01", "SQLSTATE")
        else:
            raise AssertionError("no_such_table was found")
        equal(table(connection, "select 1 as n").num_rows, 1, "after an error")


run()
