"""Data frames: connectorx and polars with their defaults, which read through COPY in binary, and with their other ways.
usage: frames_client.py [part of a check's name]"""
import connectorx
import polars

from common import address, check, equal, run

TABLES = {"users": 300, "enrolments": 1500, "batches": 12}


@check
def connectorx_reads_with_every_protocol():
    for protocol in ("binary", "csv", "cursor", "simple"):
        frame = connectorx.read_sql(
            address(), "select user_id, active, enrolled_at from enrolments order by 1", return_type="arrow", protocol=protocol
        )
        equal(frame.num_rows, 1500, protocol)
    progress = connectorx.read_sql(address(), "select user_id, progress_percent from course_progress", return_type="arrow")
    equal(progress.num_rows > 1000, True, "progress")


@check
def connectorx_reads_in_parts():
    query = "select user_id, cast(substr(batch_id, 18) as int) as n from enrolments"
    frame = connectorx.read_sql(address(), query, return_type="arrow", partition_on="n", partition_num=4)
    equal(frame.num_rows, 1500, "rows of four parts")


@check
def polars_reads_by_connectorx():
    for table, rows in TABLES.items():
        frame = polars.read_database_uri(f"select {'batch_id' if table == 'batches' else '*'} from {table}", address())
        equal(frame.height, rows, table)


@check
def polars_reads_by_adbc():
    for table, rows in TABLES.items():
        frame = polars.read_database_uri(f"select * from {table}", address(), engine="adbc")
        equal(frame.height, rows, table)
    frame = polars.read_database_uri("select * from course_progress_report", address(), engine="adbc")
    equal(frame.height > 1000, True, "report")


run()
