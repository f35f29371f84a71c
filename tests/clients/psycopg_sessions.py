"""psycopg 3: logging in, what a session is told and may set, many connections at once.
usage: psycopg_sessions.py [part of a check's name]"""
import concurrent.futures
import os
import subprocess
import sys
import threading
import time

import psycopg

from common import SLOW, check, equal, run
from psycopg_common import connect, fails, is_datafusion, value


@check
def what_a_session_says_at_its_start():
    with connect(application_name="clients test") as connection:
        status = connection.info.parameter_status
        for name, expected in {"client_encoding": "UTF8", "integer_datetimes": "on",
                               "standard_conforming_strings": "on", "application_name": "clients test"}.items():
            equal(status(name), expected, name)
        equal((status("DateStyle") or "").startswith("ISO"), True, "DateStyle")
        equal(bool(status("server_version")) and bool(status("TimeZone")), True, "server_version, TimeZone")
        equal(connection.info.server_version >= 130000, True, "server_version is of a PostgreSQL that is kept up")
        equal(connection.info.backend_pid > 0, True, "a process number")
        equal(value(connection, "select current_database()"), os.environ["PGDATABASE"], "database")
        equal(value(connection, "select current_user"), os.environ["PGUSER"], "user")
        equal(value(connection, "select session_user"), os.environ["PGUSER"], "session user")
        equal(value(connection, "select current_schema()"), "public", "schema")
        equal(value(connection, "select pg_backend_pid()"), connection.info.backend_pid, "pg_backend_pid")


@check
def settings_belong_to_a_session():
    with connect() as one, connect() as other:
        one.execute("set application_name = 'one'")
        one.execute("set timezone to 'Asia/Kolkata'")
        one.execute("set extra_float_digits = 3")
        one.execute("set search_path to public")
        one.execute("set client_encoding to 'UTF8'")
        one.execute("set datestyle to 'ISO, MDY'")
        one.execute("set names 'UTF8'")
        one.execute("set session characteristics as transaction read only")
        equal(value(one, "show application_name"), "one", "application_name")
        equal(value(one, "show timezone"), "Asia/Kolkata", "timezone")
        equal(value(one, "show time zone"), "Asia/Kolkata", "time zone")
        equal(one.execute("show timezone").description[0].name, "TimeZone", "the column of show timezone")
        listed = one.execute("select count(*) from pg_settings where name in ('TimeZone', 'DateStyle', 'IntervalStyle')")
        equal(listed.fetchone()[0], 3, "names with capitals in pg_settings")
        equal(value(one, "select current_setting('application_name')"), "one", "current_setting")
        equal(one.info.parameter_status("TimeZone"), "Asia/Kolkata", "the client is told the timezone")
        equal(value(other, "show application_name") == "one", False, "application_name of the other")
        equal(value(other, "show timezone") == "Asia/Kolkata", False, "timezone of the other")
        equal(value(one, "select set_config('application_name', 'two', false)"), "two", "set_config")
        one.execute("reset all")
        one.execute("set application_name = 'three'")
        one.execute("discard all")
        equal(value(one, "show application_name") == "three", False, "application_name after discard all")
        one.execute("show all").fetchall()
        fails("42704", one.execute, "show no_such_setting")
        fails("42704", one.execute, "set no_such_setting = 1")


@check
def zones_of_a_session():
    with connect() as connection:
        equal(value(connection, "select count(*) from enrolments") > 0, True, "enrolments")
        instant = value(connection, "select min(enrolled_at) from enrolments")
        connection.execute("set timezone to 'Asia/Kolkata'")
        equal(value(connection, "select min(enrolled_at) from enrolments"), instant, "the same instant as text")
        equal(value(connection, "select min(enrolled_at) from enrolments", binary=True), instant, "and as binary")


@check
def explain():
    with connect() as connection:
        for statement in ("explain select * from users", "explain analyze select count(*) from users",
                          "explain (format json) select 1" if not is_datafusion(connection) else "explain verbose select 1"):
            equal(len(connection.execute(statement).fetchall()) > 0, True, statement)


@check
def logins():
    def attempt(**options):
        psycopg.connect("", **options).close()

    fails(None, lambda: attempt(password="wrong"))
    fails(None, lambda: attempt(user="nobody", password="wrong"))
    fails(None, lambda: attempt(user="", password=""))
    attempt()
    with connect() as connection:
        equal(connection.pgconn.used_password, 1, "a password was asked for")
    with psycopg.connect("", require_auth="scram-sha-256"):
        pass


@check
def failed_logins_say_why():
    """libpq keeps no SQLSTATE of a failed login, but its message has the server's words."""
    for options, words in (({"password": "wrong"}, "password authentication failed"),
                           ({"dbname": "no_such_database"}, "does not exist")):
        try:
            psycopg.connect("", **options).close()
        except psycopg.OperationalError as error:
            equal(words in str(error), True, f"words of {error}")
        else:
            raise AssertionError(f"{options} could log in")


def one_of_many(number):
    with connect(application_name=f"client {number}") as connection:
        barrier.wait(timeout=60)
        for turn in range(3):
            query = "select count(*), sum(x) from generate_series(1, 5000) g(x) where x <= %s"
            limit = number * 10 + turn
            row = connection.execute(query, (limit,), prepare=turn > 0, binary=turn > 1).fetchone()
            equal(row[0], limit, f"count of {number}")
            equal(row[1] or 0, limit * (limit + 1) // 2, f"sum of {number}")
            equal(value(connection, "select count(*) from users"), 300, "users")
            equal(value(connection, "show application_name"), f"client {number}", "application_name")
    return number


barrier = threading.Barrier(50)


@check
def fifty_connections_at_once():
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        equal(list(pool.map(one_of_many, range(50))), list(range(50)), "clients")


@check
def connections_that_vanish():
    """Clients that are killed in the middle of a query leave the server well."""
    code = f"import psycopg; psycopg.connect('').execute({SLOW!r})"
    clients = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(5)]
    time.sleep(2)
    for client in clients:
        client.kill()
        client.wait()
    begin = time.monotonic()
    with connect() as connection:
        equal(value(connection, "select count(*) from users"), 300, "users")
    equal(time.monotonic() - begin < 10, True, "answered in time")


run()
