#!/usr/bin/env python3
"""Oracle of the download ratio: prints its rows as CSV, by level (all, course, tenant), then id.

usage: ratio_oracle.py EXPORTS DATE [--window all|1d|7d|30d] [--timezone ZONE]
NULL ids come first, as an empty field; ratios are printed as the shortest text that reads back equal.
"""

import argparse
import datetime
import sys
from pathlib import Path

import oracle_exports
import oracle_telemetry

HEADER = [
    "level", "course_id", "tenant_id", "downloads", "batches", "download_ratio",
    "batches_downloaded", "coverage",
]
WINDOW_DAYS = {"all": None, "1d": 1, "7d": 7, "30d": 30}
EVENT_TEXTS = ["user_id", "course_id", "batch_id", "tenant_id", "source"]


def main():
    options = parse_arguments()
    con = oracle_exports.connect(options.timezone)
    load_known_batches(con, options.exports, options.date)
    load_events(con, options.exports, options.date)
    load_downloads(con, options.date, WINDOW_DAYS[options.window])
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    sys.stdout.write(oracle_exports.csv_line(HEADER))
    for row in ratio_rows(con):
        sys.stdout.write(oracle_exports.csv_line("" if cell is None else str(cell) for cell in row))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("exports")
    parser.add_argument("date")
    parser.add_argument("--window", choices=WINDOW_DAYS, default="all")
    parser.add_argument("--timezone", default="Asia/Kolkata")
    return parser.parse_args()


def load_known_batches(con, exports, date):
    """Without a batches export the batches are those of the enrolments, of unknown tenant."""
    if not oracle_exports.load_batches(con, exports, date):
        oracle_exports.load_enrolments(con, exports, date)
        con.execute("""
            INSERT INTO batches
            SELECT batch_id, min(course_id) AS course_id, NULL AS tenant_id
            FROM enrolments GROUP BY batch_id""")


def load_events(con, exports, date):
    """Table events: one row a distinct mid of the exported days up to `date`, and of all telemetry."""
    oracle_exports.view_optional(con, "download_events", event_files(exports, date))
    oracle_telemetry.view_clicks(con, exports)
    lowest_first = ", ".join(f"{column} NULLS FIRST" for column in EVENT_TEXTS)
    con.execute(f"""
        CREATE TEMP TABLE events AS
        WITH identified AS (
            SELECT {oracle_exports.clean_texts("mid", *EVENT_TEXTS)}, event_time
            FROM (FROM raw_download_events UNION ALL BY NAME FROM raw_telemetry_clicks)
            WHERE text_or_null(mid) IS NOT NULL
        )
        SELECT * FROM identified
        QUALIFY row_number() OVER (PARTITION BY mid ORDER BY event_time NULLS LAST, {lowest_first}) = 1""")


def event_files(exports, date):
    """ISO dates sort as text."""
    days = Path(exports, "download_events").glob("date=*")
    return sorted(file for day in days if day.name <= f"date={date}" for file in day.glob("*.parquet"))


def load_downloads(con, date, window_days):
    """Table downloads: the window's events, each with the batch it belongs to, if that is known."""
    last = datetime.date.fromisoformat(date)
    first = last - datetime.timedelta(days=window_days - 1) if window_days else datetime.date.min
    con.execute("""
        CREATE TEMP TABLE downloads AS
        SELECT b.batch_id,
            CASE WHEN b.batch_id IS NULL THEN e.course_id ELSE b.course_id END AS course_id,
            CASE WHEN b.batch_id IS NULL THEN e.tenant_id ELSE b.tenant_id END AS tenant_id
        FROM events e LEFT JOIN batches b ON b.batch_id = e.batch_id
        WHERE local_date(e.event_time) BETWEEN ? AND ?""", [first, last])


def ratio_rows(con):
    """Sums over downloads and batches; x / 0 is NULL in the ratio and the coverage."""
    return con.execute("""
        WITH facts AS (
            SELECT course_id, tenant_id, 1 AS downloads, 0 AS batches, batch_id AS downloaded_batch
            FROM downloads
            UNION ALL
            SELECT course_id, tenant_id, 0, 1, NULL
            FROM batches
        ),
        sums AS (
            SELECT
                CASE
                    WHEN GROUPING(course_id) = 0 THEN 'course'
                    WHEN GROUPING(tenant_id) = 0 THEN 'tenant'
                    ELSE 'all'
                END AS level,
                course_id, tenant_id,
                coalesce(sum(downloads), 0) AS downloads,
                coalesce(sum(batches), 0) AS batches,
                count(DISTINCT downloaded_batch) AS batches_downloaded
            FROM facts GROUP BY GROUPING SETS ((), (course_id), (tenant_id))
        )
        SELECT level, course_id, tenant_id, downloads, batches,
            downloads::DOUBLE / nullif(batches, 0)::DOUBLE AS download_ratio,
            batches_downloaded,
            batches_downloaded::DOUBLE / nullif(batches, 0)::DOUBLE AS coverage
        FROM sums
        ORDER BY list_position(['all', 'course', 'tenant'], level),
            course_id NULLS FIRST, tenant_id NULLS FIRST""").fetchall()


if __name__ == "__main__":
    main()
