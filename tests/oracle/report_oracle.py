#!/usr/bin/env python3
"""Oracle of the Course Progress Report: OUT/csv/<tenant>/<batch>.csv for every batch of one day.

usage: report_oracle.py EXPORTS DATE OUT [options]; OUT/csv must not exist yet.
Prints one JSON line: rows_reported, unknown_users (reported or omitted rows), batches (files written).
"""

import argparse
import hashlib
import itertools
import json
import re
import string
from pathlib import Path

import oracle_exports

HEADER = [
    "External ID", "User ID", "User Name", "Email ID", "Mobile Number", "Organization Name", "District Name",
    "School Name", "Block Name", "Enrollment Date", "Course Progress", "Completion Date",
]
UNKNOWN_TENANT = "_"
LONGEST_NAME = 200
LONGEST_PREFIX = 120
NAME_BYTES = (string.ascii_letters + string.digits + "-_.").encode()
PURE_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def main():
    options = parse_arguments()
    con = oracle_exports.connect(options.timezone)
    load_tables(con, options.exports, options.date)
    create_report(con, options.same_tenant)
    counts = count_rows(con, options.omit_unknown_users)
    write_files(con, Path(options.out, "csv"), options)
    print(json.dumps(counts))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("exports")
    parser.add_argument("date")
    parser.add_argument("out")
    parser.add_argument("--same-tenant", action="store_true")
    parser.add_argument("--omit-unknown-users", action="store_true")
    parser.add_argument("--no-formula-escape", action="store_true")
    parser.add_argument("--no-bom", action="store_true")
    parser.add_argument("--timezone", default="Asia/Kolkata")
    return parser.parse_args()


def load_tables(con, exports, date):
    oracle_exports.load_users(con, exports, date)
    oracle_exports.load_enrolments(con, exports, date)
    oracle_exports.load_batches(con, exports, date)
    load_active_enrolments(con)
    load_progress(con, exports, date)
    load_reported_batches(con)


def load_active_enrolments(con):
    """One row a user and batch: the latest enrolment, if that one is active."""
    con.execute("""
        CREATE TEMP TABLE active_enrolments AS
        WITH latest AS (
            SELECT * FROM enrolments
            QUALIFY row_number() OVER (
                PARTITION BY user_id, batch_id ORDER BY enrolled_at DESC NULLS LAST, active DESC NULLS LAST
            ) = 1
        )
        SELECT * FROM latest WHERE active""")


def load_progress(con, exports, date):
    """One row a user and batch: the highest percent, then the earliest completion."""
    oracle_exports.view_required(con, exports, "course_progress", date)
    con.execute(f"""
        CREATE TEMP TABLE progress AS
        WITH identified AS (
            SELECT {oracle_exports.clean_texts("user_id", "batch_id")}, completed_at,
                -- Compared as text: statistics of Parquet leave NaN out, and DuckDB 2.0 believes that there is none.
                nullif(progress_percent::DOUBLE::VARCHAR, 'nan')::DOUBLE AS percent
            FROM raw_course_progress
            WHERE text_or_null(user_id) IS NOT NULL AND text_or_null(batch_id) IS NOT NULL
        )
        SELECT * FROM identified
        QUALIFY row_number() OVER (
            PARTITION BY user_id, batch_id ORDER BY percent DESC NULLS LAST, completed_at NULLS LAST
        ) = 1""")


def load_reported_batches(con):
    """The batches of the export and those of the enrolments, which have no tenant."""
    con.execute("""
        CREATE TEMP TABLE reported_batches AS
        SELECT batch_id, tenant_id FROM batches
        UNION ALL
        SELECT DISTINCT batch_id, NULL FROM enrolments ANTI JOIN batches USING (batch_id)""")


def create_report(con, same_tenant):
    """Table report: one row an active enrolment, its cells named c1 to c12 in the order of HEADER."""
    shown = "u.tenant_id = b.tenant_id" if same_tenant else "true"
    con.execute(f"""
        CREATE TEMP TABLE report AS
        SELECT b.batch_id, u.user_id IS NULL AS unknown_user,
            CASE WHEN {shown} THEN u.external_id END AS c1,
            e.user_id AS c2,
            concat_ws(' ', trimmed(u.first_name), trimmed(u.last_name)) AS c3,
            u.email AS c4,
            u.mobile AS c5,
            u.organization_name AS c6,
            u.district_name AS c7,
            CASE WHEN {shown} THEN u.school_name END AS c8,
            CASE WHEN {shown} THEN u.block_name END AS c9,
            strftime(local_date(e.enrolled_at), '%Y-%m-%d') AS c10,
            CASE
                WHEN p.completed_at IS NOT NULL THEN '100%'
                WHEN p.user_id IS NULL THEN '0%'
                WHEN p.percent IS NOT NULL THEN floor(least(greatest(p.percent, 0), 100))::INT || '%'
            END AS c11,
            strftime(local_date(p.completed_at), '%Y-%m-%d') AS c12
        FROM active_enrolments e
        JOIN reported_batches b USING (batch_id)
        LEFT JOIN users u ON u.user_id = e.user_id
        LEFT JOIN progress p ON p.user_id = e.user_id AND p.batch_id = e.batch_id""")


def count_rows(con, omit_unknown_users):
    rows, unknown = con.execute("SELECT count(*), count(*) FILTER (unknown_user) FROM report").fetchone()
    batches, = con.execute("SELECT count(*) FROM reported_batches").fetchone()
    reported = rows - unknown if omit_unknown_users else rows
    return {"rows_reported": reported, "unknown_users": unknown, "batches": batches}


def write_files(con, folder, options):
    folder.mkdir(parents=True)
    rows = con.execute("SELECT * FROM report ORDER BY batch_id, c2").fetchall()
    rows_of = {batch: list(group) for batch, group in itertools.groupby(rows, key=lambda row: row[0])}
    for batch_id, tenant_id in con.execute("SELECT batch_id, tenant_id FROM reported_batches").fetchall():
        reported = [
            cells for _, unknown_user, *cells in rows_of.get(batch_id, [])
            if not (unknown_user and options.omit_unknown_users)
        ]
        write_report(batch_path(folder, tenant_id, batch_id), reported, options)


def batch_path(folder, tenant_id, batch_id):
    tenant = UNKNOWN_TENANT if tenant_id is None else safe_name(tenant_id)
    return folder / tenant / (safe_name(batch_id) + ".csv")


def safe_name(identifier):
    """The id as a file name: percent-encoded; a very long one cut and told apart by its SHA-256."""
    raw = identifier.encode()
    if identifier == UNKNOWN_TENANT:
        return "%5F"
    pieces = [chr(byte) if byte in NAME_BYTES else f"%{byte:02X}" for byte in raw]
    if pieces[0] == ".":
        pieces[0] = "%2E"
    name = "".join(pieces)
    if len(name) <= LONGEST_NAME:
        return name
    lengths = itertools.accumulate(map(len, pieces))
    kept = sum(1 for length in lengths if length <= LONGEST_PREFIX)
    return "".join(pieces[:kept]) + "~" + hashlib.sha256(raw).hexdigest()[:32]


def write_report(path, rows, options):
    lines = [oracle_exports.csv_line(HEADER)]
    for cells in rows:
        cells = ["" if cell is None else cell for cell in cells]
        if not options.no_formula_escape:
            cells = [formula_safe(cell) for cell in cells]
        lines.append(oracle_exports.csv_line(cells))
    path.parent.mkdir(exist_ok=True)
    with path.open("xb") as file:  # x: two ids must never share a file
        file.write("".join(lines).encode("utf-8" if options.no_bom else "utf-8-sig"))


def formula_safe(cell):
    """A spreadsheet takes the cell as text: OWASP's leading apostrophe, but not before pure numbers."""
    if cell.startswith(("=", "+", "-", "@", "\t", "\r")) and cell != "-" and not PURE_NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


if __name__ == "__main__":
    main()
