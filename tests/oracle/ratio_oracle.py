#!/usr/bin/env python3
"""Oracle of the download ratio: prints its rows as CSV, by level (all, course, tenant, tenant_course), id and first day.

usage: ratio_oracle.py EXPORTS DATE [--window all|1d|7d|30d] [--timezone ZONE] [--events DIR]
       ratio_oracle.py EXPORTS DATE [--by day|week|month] [--since DATE] [--until DATE] …
NULL ids come first, as an empty field; ratios are printed as the shortest text that reads back equal.
"""

import argparse
import datetime
import json
import sys
from pathlib import Path

import oracle_exports
import oracle_telemetry

HEADER = [
    "level", "course_id", "tenant_id", "downloads", "batches", "download_ratio",
    "batches_downloaded", "coverage", "requests", "delivered", "window_start", "window_end", "sent_by_subscription",
]
DELIVERIES = {"report-delivered", "report-sent-by-subscription"}
WINDOW_DAYS = {"all": None, "1d": 1, "7d": 7, "30d": 30}
EVENT_TEXTS = ["user_id", "course_id", "batch_id", "tenant_id", "source"]
ONE_DAY = datetime.timedelta(days=1)


def main():
    options = parse_arguments()
    con = oracle_exports.connect(options.timezone)
    load_known_batches(con, options.exports, options.date)
    load_events(con, options.exports, options.date)
    load_deliveries(con, options.events)
    load_happenings(con)
    load_periods(con, options)
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    sys.stdout.write(oracle_exports.csv_line(HEADER))
    for row in ratio_rows(con, options):
        sys.stdout.write(oracle_exports.csv_line("" if cell is None else str(cell) for cell in row))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("exports")
    parser.add_argument("date", type=datetime.date.fromisoformat)
    parser.add_argument("--window", choices=WINDOW_DAYS, default="all")
    parser.add_argument("--by", choices=["day", "week", "month"])
    parser.add_argument("--since", type=datetime.date.fromisoformat)
    parser.add_argument("--until", type=datetime.date.fromisoformat)
    parser.add_argument("--timezone", default="Asia/Kolkata")
    parser.add_argument("--events", help="folder of the events that `pragati serve` wrote, for `delivered` and `sent_by_subscription`")
    return parser.parse_args()


def load_known_batches(con, exports, date):
    """Without a batches export the batches are those of the enrolments, of unknown tenant."""
    if not oracle_exports.load_batches(con, exports, str(date)):
        oracle_exports.load_enrolments(con, exports, str(date))
        con.execute("""
            INSERT INTO batches
            SELECT batch_id, min(course_id) AS course_id, NULL AS tenant_id
            FROM enrolments GROUP BY batch_id""")


def load_events(con, exports, date):
    """Table events: one row a distinct mid of the exported days up to `date`, and of all telemetry; and whether another
    was just before it."""
    oracle_exports.view_optional(con, "download_events", event_files(exports, date))
    oracle_telemetry.view_clicks(con, exports)
    lowest_first = ", ".join(f"{column} NULLS FIRST" for column in EVENT_TEXTS)
    con.execute(f"""
        CREATE TEMP TABLE distinct_events AS
        WITH identified AS (
            SELECT {oracle_exports.clean_texts("mid", *EVENT_TEXTS)}, event_time
            FROM (FROM raw_download_events UNION ALL BY NAME FROM raw_telemetry_clicks)
            WHERE text_or_null(mid) IS NOT NULL
        )
        SELECT * FROM identified
        QUALIFY row_number() OVER (PARTITION BY mid ORDER BY event_time NULLS LAST, {lowest_first}) = 1""")
    con.execute("""
        CREATE TEMP TABLE events AS
        SELECT e.*, EXISTS (
            SELECT 1 FROM distinct_events earlier
            WHERE earlier.user_id = e.user_id AND earlier.batch_id = e.batch_id
                AND earlier.event_time BETWEEN e.event_time - INTERVAL 60 SECONDS AND e.event_time
                AND (earlier.event_time < e.event_time OR earlier.mid < e.mid)
        ) AS follows_another
        FROM distinct_events e""")


def event_files(exports, date):
    """ISO dates sort as text."""
    days = Path(exports, "download_events").glob("date=*")
    return sorted(file for day in days if day.name <= f"date={date}" for file in day.glob("*.parquet"))


def load_deliveries(con, events):
    """Table deliveries: one row a request, from the files of events, line by line; and whether a subscription sent it."""
    deliveries = {}
    for file in sorted(Path(events).glob("date=*/*.ndjson")) if events else []:
        for line in file.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event["eid"] == "AUDIT" and event["edata"].get("id") in DELIVERIES:
                ids = {datum["type"].lower(): datum["id"] for datum in event["context"]["cdata"]}
                moment = datetime.datetime.fromtimestamp(event["ets"] / 1000, datetime.timezone.utc)
                by_subscription = event["edata"]["id"] == "report-sent-by-subscription"
                row = (moment, event["object"]["id"], ids.get("batch"), event["context"]["channel"], by_subscription)
                deliveries[ids["request"]] = min(row, deliveries.get(ids["request"], row))
    con.execute("""
        CREATE TEMP TABLE deliveries
            (delivered_at TIMESTAMPTZ, course_id TEXT, batch_id TEXT, tenant_id TEXT, by_subscription BOOLEAN)""")
    if deliveries:
        con.executemany("INSERT INTO deliveries VALUES (?, ?, ?, ?, ?)", list(deliveries.values()))


def load_happenings(con):
    """Table happenings: events and deliveries, each with the batch it belongs to, if that is known, and its day."""
    con.execute("""
        CREATE TEMP TABLE happenings AS
        WITH everything AS (
            SELECT batch_id, course_id, tenant_id, event_time AS moment, 1 AS download,
                (NOT follows_another)::INT AS request, 0 AS delivery, 0 AS sending
            FROM events
            UNION ALL
            SELECT batch_id, course_id, tenant_id, delivered_at, 0, 0, (NOT by_subscription)::INT, by_subscription::INT
            FROM deliveries
        )
        SELECT b.batch_id,
            CASE WHEN b.batch_id IS NULL THEN e.course_id ELSE b.course_id END AS course_id,
            CASE WHEN b.batch_id IS NULL THEN e.tenant_id ELSE b.tenant_id END AS tenant_id,
            local_date(e.moment) AS day, download, request, delivery, sending
        FROM everything e LEFT JOIN batches b ON b.batch_id = e.batch_id
        WHERE e.moment IS NOT NULL""")


def load_periods(con, options):
    """Table periods: the first and last days that rows are asked for. A first day may be NULL."""
    last = min(options.until or options.date, options.date)
    first = options.since
    if not options.by and not options.since and not options.until and WINDOW_DAYS[options.window]:
        first = last - ONE_DAY * (WINDOW_DAYS[options.window] - 1)
    if options.by and first is None:
        found, = con.execute("SELECT min(day) FROM happenings").fetchone()
        first = start_of(min(found or last, last), options.by)
    periods = divided(first, last, options.by) if options.by else [(first, last)]
    con.execute("CREATE TEMP TABLE periods (first DATE, last DATE)")
    con.executemany("INSERT INTO periods VALUES (?, ?)", periods)


def start_of(day, by):
    """The first day of the day's period."""
    if by == "week":
        return day - ONE_DAY * day.weekday()
    return day.replace(day=1) if by == "month" else day


def divided(first, last, by):
    """Days from first to last in periods, which a new one begins on Mondays, or on the first of a month."""
    periods, start, day = [], first, first
    while day <= last:
        following = day + ONE_DAY
        if by == "day" or by == "week" and following.weekday() == 0 or by == "month" and following.day == 1 or day == last:
            periods.append((start, day))
            start = following
        day = following
    return periods


def ratio_rows(con, options):
    """Sums over happenings and batches; x / 0 is NULL in the ratio and the coverage."""
    only_with_rows = "OR happenings > 0" if options.by else "OR true"
    delivered, sent = ("delivered", "sent") if options.events else ("NULL", "NULL")
    return con.execute(f"""
        WITH facts AS (
            SELECT p.first, p.last, h.course_id, h.tenant_id, download, request, delivery, sending, 0 AS batches,
                CASE WHEN download = 1 THEN h.batch_id END AS downloaded_batch, 1 AS happenings
            FROM happenings h
            JOIN periods p ON h.day <= p.last AND (p.first IS NULL OR h.day >= p.first)
            UNION ALL
            SELECT p.first, p.last, b.course_id, b.tenant_id, 0, 0, 0, 0, 1, NULL, 0
            FROM batches b CROSS JOIN periods p
            UNION ALL
            SELECT first, last, NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL FROM periods
        ),
        sums AS (
            SELECT
                CASE
                    WHEN GROUPING(course_id) = 0 AND GROUPING(tenant_id) = 0 THEN 'tenant_course'
                    WHEN GROUPING(course_id) = 0 THEN 'course'
                    WHEN GROUPING(tenant_id) = 0 THEN 'tenant'
                    ELSE 'all'
                END AS level,
                course_id, tenant_id, first, last,
                sum(download)::BIGINT AS downloads,
                sum(batches)::BIGINT AS batches,
                count(DISTINCT downloaded_batch) AS batches_downloaded,
                sum(request)::BIGINT AS requests,
                sum(delivery)::BIGINT AS delivered,
                sum(sending)::BIGINT AS sent,
                sum(happenings) AS happenings
            FROM facts
            GROUP BY GROUPING SETS
                ((first, last), (first, last, course_id), (first, last, tenant_id), (first, last, course_id, tenant_id))
            HAVING level = 'all' OR happenings IS NOT NULL
        )
        SELECT level, course_id, tenant_id, downloads, batches,
            downloads::DOUBLE / nullif(batches, 0)::DOUBLE AS download_ratio,
            batches_downloaded,
            batches_downloaded::DOUBLE / nullif(batches, 0)::DOUBLE AS coverage,
            requests, {delivered} AS delivered, first, last, {sent} AS sent_by_subscription
        FROM sums
        WHERE level = 'all' {only_with_rows}
        ORDER BY list_position(['all', 'course', 'tenant', 'tenant_course'], level),
            course_id NULLS FIRST, tenant_id NULLS FIRST, first NULLS FIRST""").fetchall()


if __name__ == "__main__":
    main()
