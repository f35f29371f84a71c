"""psycopg 3: transactions and savepoints, SQLSTATEs, cancelling, time limits.
usage: psycopg_errors.py [part of a check's name]"""
import threading
import time

import psycopg
from psycopg import errors, pq

from common import SLOW, check, equal, run
from psycopg_common import connect, fails, value


@check
def transactions():
    with connect(autocommit=False) as connection:
        equal(value(connection, "select 1"), 1, "in a transaction")
        equal(connection.info.transaction_status, pq.TransactionStatus.INTRANS, "status")
        fails("42P01", connection.execute, "select * from no_such_table")
        equal(connection.info.transaction_status, pq.TransactionStatus.INERROR, "status after an error")
        fails("25P02", connection.execute, "select 1")
        connection.rollback()
        equal(connection.info.transaction_status, pq.TransactionStatus.IDLE, "status after rollback")
        equal(value(connection, "select 2"), 2, "after rollback")
        connection.commit()
        connection.execute("select 1")
        fails("22012", connection.execute, "select 1 / 0")
        connection.execute("commit")
        equal(connection.info.transaction_status, pq.TransactionStatus.IDLE, "commit of a failed transaction ends it")
    with connect() as connection:
        connection.execute("begin transaction isolation level repeatable read, read only")
        equal(connection.info.transaction_status, pq.TransactionStatus.INTRANS, "status after begin")
        connection.execute("end")
        connection.execute("start transaction read only")
        connection.execute("abort")
        equal(connection.info.transaction_status, pq.TransactionStatus.IDLE, "status after abort")


@check
def savepoints():
    """SQLAlchemy's dialect of psycopg sends them at connect."""
    with connect(autocommit=False) as connection:
        equal(value(connection, "select 1"), 1, "in a transaction")
        try:
            with connection.transaction():
                connection.execute("select * from no_such_table")
        except errors.UndefinedTable:
            pass
        equal(value(connection, "select 2"), 2, "after rollback to a savepoint")
        with connection.transaction():
            equal(value(connection, "select 3"), 3, "in a savepoint")
        connection.commit()


@check
def sqlstates():
    expected = {
        "selec 1": "42601",
        "select 'open": "42601",
        "select * from": "42601",
        "select * from no_such_table": "42P01",
        "select * from no_such_schema.users": "42P01",
        "select no_such_column from users": "42703",
        "select users.no_such_column from users": "42703",
        "select no_such_function(1)": "42883",
        "select user_id from users a join users b on a.user_id = b.user_id": "42702",
        "select first_name, count(*) from users": "42803",
        "select 1 / 0": "22012",
        "select 1 / (count(*) - count(*)) from users": "22012",
        "select cast('x' as int)": "22P02",
        "select cast(first_name as int) from users": "22P02",
        "select cast('2026-13-45' as date)": "22008",
        "fetch 1 from no_such_cursor": "34000",
    }
    with connect() as connection:
        wrong = []
        for query, state in expected.items():
            for prepare in (False, True):
                try:
                    connection.execute(query, prepare=prepare).fetchall()
                    wrong.append(f"{query} did not fail")
                except psycopg.Error as error:
                    if error.sqlstate != state:
                        wrong.append(f"{query}: {error.sqlstate} instead of {state} ({str(error).splitlines()[0]})")
            equal(value(connection, "select 1"), 1, f"after {query}")
        equal(wrong, [], "wrong SQLSTATEs")


@check
def position_of_a_syntax_error():
    with connect() as connection:
        try:
            connection.execute("select *\nfrom users\nwher user_id = ''")
        except psycopg.Error as error:
            equal(error.diag.severity_nonlocalized, "ERROR", "severity")
            equal(bool(error.diag.message_primary), True, "a message")


def cancelled(cancel):
    """A query that takes minutes ends soon after it is cancelled; its connection goes on."""
    with connect() as connection:
        timer = threading.Timer(1.0, cancel, [connection])
        timer.start()
        begin = time.monotonic()
        fails("57014", lambda: connection.execute(SLOW).fetchall())
        equal(time.monotonic() - begin < 10, True, "cancelled in time")
        timer.join()
        equal(value(connection, "select 1"), 1, "after a cancel")


@check
def cancel():
    cancelled(lambda connection: connection.cancel())


@check
def cancel_safe():
    cancelled(lambda connection: connection.cancel_safe(timeout=5))


@check
def cancel_of_a_prepared_statement():
    with connect() as connection:
        timer = threading.Timer(1.0, lambda: connection.cancel_safe(timeout=5))
        timer.start()
        fails("57014", lambda: connection.execute(SLOW + " and x > %s", (0,), prepare=True, binary=True).fetchall())
        timer.join()
        equal(value(connection, "select 1"), 1, "after a cancel")


@check
def cancel_with_a_wrong_key_does_nothing():
    with connect() as victim, connect() as other:
        victim_thread = threading.Thread(target=lambda: victim.execute("select count(*) from users").fetchall())
        victim_thread.start()
        other.cancel_safe(timeout=5)
        victim_thread.join()
        equal(value(victim, "select 1"), 1, "the other connection")


@check
def statement_timeout():
    with connect() as connection:
        equal(value(connection, "show statement_timeout"), "0", "statement_timeout at first")
        for setting in ("500", "'500ms'", "'1s'"):
            connection.execute(f"set statement_timeout = {setting}")
            begin = time.monotonic()
            fails("57014", lambda: connection.execute(SLOW).fetchall())
            fails("57014", lambda: connection.execute(SLOW + " and x > %s", (0,), prepare=True).fetchall())
            equal(time.monotonic() - begin < 15, True, "ended in time")
            equal(value(connection, "select 1"), 1, "after a timeout")
        equal(value(connection, "show statement_timeout"), "1s", "statement_timeout")
        connection.execute("set statement_timeout to default")
        connection.execute("reset statement_timeout")
        equal(value(connection, "show statement_timeout"), "0", "statement_timeout at last")
    with connect(options="-c statement_timeout=700") as connection:
        fails("57014", lambda: connection.execute(SLOW).fetchall())


run()
