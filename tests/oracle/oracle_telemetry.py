"""The platform's telemetry as DuckDB reads it: clicks on "Download File", in the columns of download_events."""

from pathlib import Path

CLICK_IDS = ["download-progress-report", "download"]
CLICK_PAGE = "course-progress-dashboard"

# Parts whose type differs from producer to producer stay JSON.
COLUMNS = {
    "eid": "VARCHAR", "ets": "JSON", "mid": "VARCHAR", "actor": "JSON", "context": "JSON", "object": "JSON",
    "edata": "JSON",
}


def view_clicks(con, exports):
    """Creates the view raw_telemetry_clicks over the files of all days of arrival."""
    files = sorted(str(file) for file in Path(exports, "telemetry").glob("date=*/*.json.gz"))
    if not files:
        con.execute("CREATE TEMP VIEW raw_telemetry_clicks AS SELECT * FROM raw_download_events WHERE false")
        return
    # A line that is no JSON object is a row of NULLs, which is no click.
    events = con.read_json(
        files, format="newline_delimited", columns=COLUMNS, ignore_errors=True, hive_partitioning=False)
    events.create_view("raw_telemetry")
    con.execute(f"""
        CREATE TEMP VIEW raw_telemetry_clicks AS
        SELECT
            mid,
            make_timestamp(floor(try_cast(ets ->> '$' AS DOUBLE))::BIGINT * 1000) AS event_time,
            actor ->> '$.id' AS user_id,
            object ->> '$.id' AS course_id,
            list_min(list_transform(
                list_filter(
                    CASE WHEN json_type(context, '$.cdata') = 'ARRAY'
                        THEN from_json(context -> '$.cdata', '[{{"type": "VARCHAR", "id": "VARCHAR"}}]') END,
                    lambda datum: lower(datum.type) = 'batch' AND text_or_null(datum.id) IS NOT NULL),
                lambda datum: datum.id)) AS batch_id,
            context ->> '$.channel' AS tenant_id,
            context ->> '$.pdata.id' AS source
        FROM raw_telemetry
        WHERE eid = 'INTERACT' AND list_contains({CLICK_IDS}, edata ->> '$.id')
            AND (edata ->> '$.pageid') = '{CLICK_PAGE}'""")
