#!/usr/bin/env python3
"""The same work in DuckDB.

usage: duckdb_peer.py nightly|nightly-one-file EXPORTS OUT --threads N
       duckdb_peer.py one EXPORTS OUT --batch ID --threads N
       duckdb_peer.py ratio EXPORTS OUT --date DATE --threads N
       duckdb_peer.py by-tenant|all-rows EXPORTS OUT --threads N

The report's rows are those of queries/reports/course_progress_report.sql over exports without duplicates: DuckDB is
spared resolving them, Pragati is not. The ratio is queries/metrics/ratio_report.sql, duplicates and all.
"""

import argparse

import duckdb

ZONE = "Asia/Kolkata"

REPORT_ROWS = f"""
    u.external_id AS "External ID",
    e.user_id AS "User ID",
    nullif(concat_ws(' ', nullif(trim(u.first_name), ''), nullif(trim(u.last_name), '')), '') AS "User Name",
    u.email AS "Email ID",
    u.mobile AS "Mobile Number",
    u.organization_name AS "Organization Name",
    u.district_name AS "District Name",
    u.school_name AS "School Name",
    u.block_name AS "Block Name",
    strftime(timezone('{ZONE}', e.enrolled_at), '%Y-%m-%d') AS "Enrollment Date",
    CASE
        WHEN p.completed_at IS NOT NULL THEN '100%'
        WHEN p.user_id IS NULL THEN '0%'
        WHEN p.progress_percent IS NOT NULL THEN least(greatest(p.progress_percent, 0), 100)::INTEGER || '%'
    END AS "Course Progress",
    strftime(timezone('{ZONE}', p.completed_at), '%Y-%m-%d') AS "Completion Date"
FROM enrolments e
LEFT JOIN users u ON u.user_id = e.user_id
LEFT JOIN course_progress p ON p.user_id = e.user_id AND p.batch_id = e.batch_id
WHERE e.active"""

ALL_REPORTS = f"SELECT e.batch_id, {REPORT_ROWS} ORDER BY e.batch_id, e.user_id"
ONE_REPORT = f"SELECT {REPORT_ROWS} AND e.batch_id = getvariable('batch') ORDER BY e.user_id"

# The rows of the view course_progress_report, as far as these exports go: each batch is listed once.
VIEW = f"""
    SELECT
        e.batch_id,
        b.course_id,
        b.tenant_id,
        u.external_id,
        e.user_id,
        nullif(concat_ws(' ', nullif(trim(u.first_name), ''), nullif(trim(u.last_name), '')), '') AS user_name,
        u.email,
        u.mobile,
        u.organization_name,
        u.district_name,
        u.school_name,
        u.block_name,
        timezone('{ZONE}', e.enrolled_at)::DATE AS enrollment_date,
        CASE
            WHEN p.completed_at IS NOT NULL THEN 100
            WHEN p.user_id IS NULL THEN 0
            ELSE floor(least(greatest(p.progress_percent, 0), 100))::INTEGER
        END AS course_progress,
        timezone('{ZONE}', p.completed_at)::DATE AS completion_date,
        u.user_id IS NOT NULL AS known_user
    FROM enrolments e
    LEFT JOIN users u ON u.user_id = e.user_id
    LEFT JOIN course_progress p ON p.user_id = e.user_id AND p.batch_id = e.batch_id
    LEFT JOIN batches b ON b.batch_id = e.batch_id
    WHERE e.active"""

BY_TENANT = f"""
    SELECT tenant_id, count(*) AS enrolled, avg(course_progress) AS progress, count(completion_date) AS completed
    FROM ({VIEW})
    GROUP BY tenant_id
    ORDER BY tenant_id"""
ALL_ROWS = f"SELECT * FROM ({VIEW}) ORDER BY batch_id, user_id"

DISTINCT_REQUESTS = f"""
    distinct_events AS (
        SELECT * FROM download_events WHERE mid IS NOT NULL
        QUALIFY row_number() OVER (
            PARTITION BY mid
            ORDER BY event_time NULLS LAST, user_id NULLS FIRST, course_id NULLS FIRST, batch_id NULLS FIRST,
                tenant_id NULLS FIRST, source NULLS FIRST
        ) = 1
    ),
    requests AS (
        SELECT
            *,
            lag(event_time) OVER (PARTITION BY user_id, batch_id ORDER BY event_time NULLS LAST, mid) AS click_before
        FROM distinct_events
    ),
    placed AS (
        SELECT
            b.batch_id,
            CASE WHEN b.batch_id IS NULL THEN e.course_id ELSE b.course_id END AS course_id,
            CASE WHEN b.batch_id IS NULL THEN e.tenant_id ELSE b.tenant_id END AS tenant_id,
            timezone('{ZONE}', e.event_time)::DATE AS day,
            e.user_id IS NULL OR e.batch_id IS NULL OR e.click_before IS NULL
                OR e.click_before < e.event_time - INTERVAL 60 SECONDS AS is_request
        FROM requests e
        LEFT JOIN batches b ON b.batch_id = e.batch_id
        WHERE timezone('{ZONE}', e.event_time)::DATE <= getvariable('as_of')
    )"""

LEVEL = """
            CASE
                WHEN grouping(course_id) = 0 AND grouping(tenant_id) = 0 THEN 'tenant_course'
                WHEN grouping(course_id) = 0 THEN 'course'
                WHEN grouping(tenant_id) = 0 THEN 'tenant'
                ELSE 'all'
            END AS level"""

RATIO = f"""
WITH {DISTINCT_REQUESTS},
    downloads AS (
        SELECT batch_id, course_id, tenant_id, count(*) AS downloads, count(*) FILTER (WHERE is_request) AS requests
        FROM placed
        GROUP BY ALL
    ),
    facts AS (
        SELECT b.course_id, b.tenant_id, 1 AS batches, coalesce(d.downloads, 0) AS downloads,
            coalesce(d.requests, 0) AS requests, (d.downloads IS NOT NULL)::INTEGER AS batches_downloaded
        FROM batches b
        LEFT JOIN downloads d ON d.batch_id = b.batch_id
        UNION ALL
        SELECT course_id, tenant_id, 0, downloads, requests, 0 FROM downloads WHERE batch_id IS NULL
    ),
    sums AS (
        SELECT {LEVEL},
            course_id,
            tenant_id,
            coalesce(sum(downloads), 0)::BIGINT AS downloads,
            coalesce(sum(batches), 0)::BIGINT AS batches,
            coalesce(sum(batches_downloaded), 0)::BIGINT AS batches_downloaded,
            coalesce(sum(requests), 0)::BIGINT AS requests
        FROM facts
        GROUP BY GROUPING SETS ((), (course_id), (tenant_id), (course_id, tenant_id))
    )
SELECT
    level, course_id, tenant_id, 'all' AS time_window, downloads, batches,
    downloads / nullif(batches, 0) AS download_ratio,
    batches_downloaded,
    batches_downloaded / nullif(batches, 0) AS coverage,
    requests, NULL AS delivered, NULL AS window_start, getvariable('as_of') AS window_end, getvariable('as_of') AS as_of,
    NULL AS sent_by_subscription
FROM sums
ORDER BY list_position(['all', 'course', 'tenant', 'tenant_course'], level), course_id, tenant_id"""


RATIO_BY_DAY = f"""
WITH {DISTINCT_REQUESTS},
    downloads AS (
        SELECT batch_id, course_id, tenant_id, day, count(*) AS downloads, count(*) FILTER (WHERE is_request) AS requests
        FROM placed
        GROUP BY ALL
    ),
    sums AS (
        SELECT {LEVEL},
            course_id,
            tenant_id,
            day,
            sum(downloads)::BIGINT AS downloads,
            sum(requests)::BIGINT AS requests,
            count(batch_id) AS batches_downloaded
        FROM downloads
        GROUP BY GROUPING SETS ((day), (day, course_id), (day, tenant_id), (day, course_id, tenant_id))
    ),
    batch_counts AS (
        SELECT {LEVEL}, course_id, tenant_id, count(*) AS batches
        FROM batches
        GROUP BY GROUPING SETS ((), (course_id), (tenant_id), (course_id, tenant_id))
    )
SELECT
    sums.level, sums.course_id, sums.tenant_id, 'day' AS time_window, downloads, coalesce(batches, 0) AS batches,
    downloads / nullif(batches, 0) AS download_ratio,
    batches_downloaded,
    batches_downloaded / nullif(batches, 0) AS coverage,
    requests, NULL AS delivered, day AS window_start, day AS window_end, getvariable('as_of') AS as_of,
    NULL AS sent_by_subscription
FROM sums
LEFT JOIN batch_counts b
    ON b.level = sums.level AND b.course_id IS NOT DISTINCT FROM sums.course_id
        AND b.tenant_id IS NOT DISTINCT FROM sums.tenant_id
ORDER BY list_position(['all', 'course', 'tenant', 'tenant_course'], sums.level), sums.course_id, sums.tenant_id, day"""


def main():
    options = parse_arguments()
    # Rows that a query orders are written in that order only where it is kept; the others may come as they do.
    is_ordered = options.work == "all-rows"
    con = duckdb.connect(config={"threads": options.threads, "preserve_insertion_order": is_ordered})
    con.execute("SET TimeZone = 'UTC'")
    of_ratio = ["batches", "download_events"]
    tables = of_ratio if options.work.startswith("ratio") else ["users", "enrolments", "course_progress", "batches"]
    for table in tables:
        files = f"{options.exports}/{table}/date=*/*.parquet"
        con.read_parquet(files, hive_partitioning=False).create_view(table)
    con.execute("SET VARIABLE batch = ?", [options.batch])
    con.execute("SET VARIABLE as_of = ?::DATE", [options.date])
    query, how = {
        "nightly": (ALL_REPORTS, ", PARTITION_BY (batch_id)"),
        "nightly-one-file": (ALL_REPORTS, ""),
        "one": (ONE_REPORT, ""),
        "by-tenant": (BY_TENANT, ""),
        "all-rows": (ALL_ROWS, ""),
        "ratio": (RATIO, ""),
        "ratio-by-day": (RATIO_BY_DAY, ""),
    }[options.work]
    out = options.out.replace("'", "''")
    as_file = "FORMAT parquet" if options.work in ("by-tenant", "all-rows") else "FORMAT csv, HEADER true"
    con.execute(f"COPY ({query}) TO '{out}' ({as_file}{how})")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", choices=["nightly", "nightly-one-file", "one", "by-tenant", "all-rows", "ratio", "ratio-by-day"])
    parser.add_argument("exports", metavar="EXPORTS")
    parser.add_argument("out", metavar="OUT", help="file to write; a folder for `nightly`")
    parser.add_argument("--batch", metavar="ID", help="the batch of `one`")
    parser.add_argument("--date", metavar="DATE", help="the last day of the window of `ratio` and `ratio-by-day`")
    parser.add_argument("--threads", type=int, required=True, metavar="N")
    return parser.parse_args()


if __name__ == "__main__":
    main()
