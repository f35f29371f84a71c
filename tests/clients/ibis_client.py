"""ibis: tables as expressions, which it looks up, and runs as SQL.
usage: ibis_client.py [part of a check's name]"""
import os

import ibis

from common import check, equal, run


def connected():
    env = os.environ
    return ibis.postgres.connect(
        host=env["PGHOST"], port=int(env["PGPORT"]), user=env["PGUSER"], password=env["PGPASSWORD"], database=env["PGDATABASE"]
    )


@check
def tables_are_found():
    connection = connected()
    equal("users" in connection.list_tables(), True, "users")
    schema = connection.table("batches").schema()
    equal(str(schema["start_date"]), "date", "start_date")
    equal(str(schema["mentors"]), "array<string>", "mentors")


@check
def groups_filters_and_windows():
    connection = connected()
    users, enrolments = connection.table("users"), connection.table("enrolments")
    groups = users.group_by("tenant_id").agg(n=users.count()).order_by(ibis.desc("n")).to_pyarrow().to_pylist()
    equal(sum(group["n"] for group in groups), 300, "users")
    active = enrolments.filter(enrolments.active).count().to_pyarrow().as_py()
    equal(active > 1000, True, "active")
    first = enrolments.group_by("batch_id").mutate(place=ibis.row_number().over(order_by=enrolments.user_id))
    equal(first.filter(first.place == 0).count().to_pyarrow().as_py(), 11, "batches with learners")
    median = connection.table("course_progress").progress_percent.median().to_pyarrow().as_py()
    equal(median, 80, "median")


@check
def joins_and_batches():
    connection = connected()
    users, enrolments = connection.table("users"), connection.table("enrolments")
    joined = enrolments.join(users, "user_id").select("user_id", "batch_id", "tenant_id")
    equal(sum(batch.num_rows for batch in joined.to_pyarrow_batches(chunk_size=100)), 1498, "rows of known users")


run()
