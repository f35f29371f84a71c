"""Sends every statement of refused.sql as a simple query and as a prepared statement: each must fail with one of the
SQLSTATEs that the file says, leave the connection good and the tables as they were.
usage: refused.py [part of a statement]"""
import pathlib
import sys

import psycopg
from psycopg import pq

FILE = pathlib.Path(__file__).parent / "refused.sql"


def statements():
    states = None
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("-- states:"):
            states = line.removeprefix("-- states:").split()
        elif line and not line.startswith("--"):
            yield line, states


def connect():
    connection = psycopg.connect("", autocommit=True)
    connection.execute("set statement_timeout = 20000")
    return connection.pgconn


def outcome(connection, sql, prepared):
    """The SQLSTATE with which a statement failed, or what happened instead, and the message."""
    if prepared:
        connection.send_query_params(sql.encode(), [])
    else:
        connection.send_query(sql.encode())
    found = ("succeeded", "")
    while (result := connection.get_result()) is not None:
        if result.status in (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH):
            connection.finish()
            return "copies", ""
        if result.status == pq.ExecStatus.FATAL_ERROR:
            state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"no SQLSTATE").decode()
            message = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message).decode()
            found = (state, " ".join(message.split()))
    return found


def answer(connection, sql):
    result = connection.exec_(sql.encode())
    return result.get_value(0, 0) if result.status == pq.ExecStatus.TUPLES_OK else None


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    connection = connect()
    failed = 0
    for sql, states in statements():
        if wanted not in sql:
            continue
        wrong = []
        for prepared in (False, True):
            state, message = outcome(connection, sql, prepared)
            # A prepared statement is only ever one; that there are several may be what is told.
            accepted = states + ["42601"] if prepared and ";" in sql else states
            if state not in accepted:
                wrong.append(f"{'prepared' if prepared else 'simple'}: {state} {message}")
            if connection.status != pq.ConnStatus.OK:
                if state != "copies":
                    wrong.append("the connection is lost")
                connection = connect()
            elif connection.transaction_status != pq.TransactionStatus.IDLE:
                # Only `begin; …` may leave a transaction, a failed one.
                connection.exec_(b"rollback")
            if answer(connection, "select count(*) from users") != b"300":
                wrong.append("users are not as they were")
                connection = connect()
        failed += bool(wrong)
        print(f"FAILED {sql} ({'; '.join(wrong)})" if wrong else f"ok {sql}", flush=True)
    sys.exit(1 if failed else 0)


main()
