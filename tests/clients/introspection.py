"""Sends every query of introspection/, as the tools do that they are from, and prints a line for each.
A file's first line says which tool sends the query. Further comment lines may give values of parameters
(`-- $1 bigint: :public_oid`; such a file is sent as a prepared statement, the others as simple queries) and the
versions of a server to which the tool sends it (`-- server_version_num 160000 169999`).
usage: introspection.py [part of a file name]"""
import pathlib
import re
import sys

import psycopg
from psycopg import pq

from common import equal

FOLDER = pathlib.Path(__file__).parent / "introspection"
OIDS = {"text": 0, "varchar": 1043, "bigint": 20, "text[]": 1009, "oid[]": 1028, "timestamptz": 1184}
PARAMETER = re.compile(r"-- \$\d+ (\S+): (.*)")
VERSIONS = re.compile(r"-- server_version_num (\d+) (\d+)")
USERS = "user_id external_id first_name last_name email mobile organization_name district_name school_name block_name tenant_id"


def texts(result):
    """The rows of a result as lists of text."""
    rows = []
    for row in range(result.ntuples):
        values = [result.get_value(row, column) for column in range(result.nfields)]
        rows.append([None if value is None else value.decode() for value in values])
    return rows


def oid(connection, sql):
    result = connection.exec_(sql.encode())
    if result.status != pq.ExecStatus.TUPLES_OK or result.ntuples != 1:
        raise SystemExit(f"FAILED {sql}: {result.error_message.decode()}")
    return texts(result)[0][0]


def placeholders(connection):
    """What `:users_oid` and the like stand for on this server."""
    relation = "select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
    names = {"users": "users", "batches": "batches", "view": "download_ratio_by_course"}
    values = {
        f":{key}_oid": oid(connection, f"{relation} where n.nspname = 'public' and c.relname = '{name}'")
        for key, name in names.items()
    }
    values[":public_oid"] = oid(connection, "select oid from pg_catalog.pg_namespace where nspname = 'public'")
    values[":database_oid"] = oid(connection, "select oid from pg_catalog.pg_database where datname = current_database()")
    values[":database"] = connection.db.decode()
    return values


def send(connection, sql, parameters):
    """The results of a query."""
    if not parameters:
        connection.send_query(sql.encode())
    else:
        types = [OIDS[type_] for type_, _ in parameters]
        values = [value.encode() for _, value in parameters]
        connection.send_query_params(sql.encode(), values, param_types=types)
    results = []
    while (result := connection.get_result()) is not None:
        results.append(result)
    return results


# What some of the answers must hold: file, check of its rows.
def users_in_order(rows, name, type_):
    equal([row[name] for row in rows], USERS.split(), "columns of users")
    equal({row[type_] for row in rows}, {"text"}, "types of users")


def kinds(rows, name, kind, table, view):
    found = {row[name]: row[kind] for row in rows}
    equal(found.get("users"), table, "users")
    equal(found.get("download_ratio_by_course"), view, "download_ratio_by_course")


def holds(rows, name, wanted, unwanted):
    found = {row[name] for row in rows}
    equal(wanted in found, True, f"{wanted} is listed")
    equal(unwanted in found, False, f"{unwanted} is listed")


CONTENT = {
    "psql/tables.sql": lambda rows, names: holds(rows, 1, "users", "download_ratio_by_course"),
    "psql/views.sql": lambda rows, names: holds(rows, 1, "download_ratio_by_course", "users"),
    "psql/relations.sql": lambda rows, names: kinds(rows, 1, 2, "table", "view"),
    "psql/describe_columns.sql": lambda rows, names: users_in_order(rows, 0, 1),
    "psql/describe_find.sql": lambda rows, names: equal(len(rows), 1, "relations named users"),
    "psql/describe_relation.sql": lambda rows, names: equal(rows[0][1], "r", "kind of users"),
    "psql/schemas.sql": lambda rows, names: holds(rows, 0, "public", "pg_catalog"),
    "powerbi/tables.sql": lambda rows, names: kinds(rows, 1, 2, "BASE TABLE", "VIEW"),
    "powerbi/columns.sql": lambda rows, names: users_in_order(rows, 0, 3),
    "grafana/tables.sql": lambda rows, names: holds(rows, 0, "users", "pg_class"),
    "grafana/columns.sql": lambda rows, names: users_in_order(rows, 0, 1),
    "grafana/columns_qualified.sql": lambda rows, names: users_in_order(rows, 0, 1),
    "metabase/tables.sql": lambda rows, names: kinds(rows, 1, 2, "TABLE", "VIEW"),
    "metabase/privileges.sql": lambda rows, names: equal({row[4] for row in rows if row[2] == "users"}, {"t"}, "may select"),
    "metabase/fields.sql": lambda rows, names: users_in_order([row for row in rows if row[4] == "users"], 0, 1),
    "jdbc/tables.sql": lambda rows, names: kinds(rows, 2, 3, "TABLE", "VIEW"),
    "dbeaver/tables.sql": lambda rows, names: kinds(rows, names.index("relname"), names.index("relkind"), "r", "v"),
    "grafana/tables.sql": lambda rows, names: holds(rows, 0, "users", "public.users"),
    "superset/tables.sql": lambda rows, names: holds(rows, 0, "users", "download_ratio_by_course"),
    "superset/views.sql": lambda rows, names: holds(rows, 0, "download_ratio_by_course", "users"),
    "superset/columns.sql": lambda rows, names: users_in_order(rows, 0, 1),
    "npgsql/load_types.sql": lambda rows, names: equal({"text", "int8", "_text"} <= {row[2] for row in rows}, True, "types"),
    "typeorm/columns.sql": lambda rows, names: equal({row[names.index("regtype")] for row in rows}, {"text"}, "types of users"),
    "drivers/asyncpg_types.sql": lambda rows, names: equal({row[2] for row in rows} >= {"_text", "text"}, True, "types"),
}


def failure(connection, name, sql, parameters):
    """Sends one query; the number of its rows, and what went wrong or None."""
    results = send(connection, sql, parameters)
    bad = [result for result in results if result.status == pq.ExecStatus.FATAL_ERROR]
    if bad:
        state = (bad[0].error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        message = (bad[0].error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or bad[0].error_message).decode()
        return 0, f"{state} {' '.join(message.split())}"
    if not results:
        return 0, f"no answer: {connection.error_message.decode()}"
    # Of several statements, the one with most rows.
    largest = max(results, key=lambda result: result.ntuples)
    rows = texts(largest)
    if name in CONTENT:
        try:
            CONTENT[name](rows, [largest.fname(column).decode() for column in range(largest.nfields)])
        except (AssertionError, IndexError, ValueError) as error:
            return len(rows), f"content {error}"
    return len(rows), None


def main():
    connection = psycopg.connect("", autocommit=True).pgconn
    stand_for = placeholders(connection)
    version = int(oid(connection, "select current_setting('server_version_num')"))
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    failed = 0
    for file in sorted(FOLDER.glob("*/*.sql")):
        name = f"{file.parent.name}/{file.name}"
        if wanted not in name:
            continue
        text = file.read_text(encoding="utf-8")
        for key, value in stand_for.items():
            text = re.sub(rf"(?<!:){key}\b", value, text)
        lines = text.split("\n")
        parameters = [match.groups() for line in lines if (match := PARAMETER.fullmatch(line))]
        versions = next((match for line in lines if (match := VERSIONS.fullmatch(line))), None)
        if versions and not int(versions[1]) <= version <= int(versions[2]):
            print(f"skipped {name}, which goes to other versions")
            continue
        rows, error = failure(connection, name, text, parameters)
        if connection.status == pq.ConnStatus.BAD:
            error = f"{error or ''} connection lost"
            connection = psycopg.connect("", autocommit=True).pgconn
        failed += error is not None
        print(f"FAILED {name} {error}" if error else f"ok {name} {rows}", flush=True)
    sys.exit(1 if failed else 0)


main()
