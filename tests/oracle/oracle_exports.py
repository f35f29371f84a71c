"""What both oracles share: the exports of one day as clean DuckDB tables, and the CSV writing.

"Clean" means: blank text is NULL, rows without their key are gone, duplicates are resolved.
All comparisons of text are by bytes, DuckDB's default order.
"""

from pathlib import Path

import duckdb

# Unicode's White_Space property; Python's str.isspace and DuckDB's trim know other sets.
WHITE_SPACE = "".join(
    map(chr, [*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)])
) + "\u2028\u2029\u202f\u205f\u3000"

USER_DETAILS = [
    "external_id", "first_name", "last_name", "email", "mobile",
    "organization_name", "district_name", "school_name", "block_name", "tenant_id",
]

# Optional tables may lack columns, or be absent: such columns are NULL, of these types.
OPTIONAL_COLUMNS = {
    "batches": {
        "batch_id": "VARCHAR", "course_id": "VARCHAR", "batch_name": "VARCHAR", "tenant_id": "VARCHAR",
        "created_by": "VARCHAR", "mentors": "VARCHAR[]", "start_date": "DATE", "end_date": "DATE",
    },
    "download_events": {
        "mid": "VARCHAR", "event_time": "TIMESTAMP", "user_id": "VARCHAR", "course_id": "VARCHAR",
        "batch_id": "VARCHAR", "tenant_id": "VARCHAR", "source": "VARCHAR",
    },
}


def connect(timezone):
    """A DuckDB connection with the macros that the oracles' SQL uses."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")  # timestamps without a zone are UTC
    con.execute("SET VARIABLE report_zone = ?", [timezone])
    con.execute("SET VARIABLE white_space = ?", [WHITE_SPACE])
    con.execute("CREATE MACRO trimmed(value) AS trim(value, getvariable('white_space'))")
    con.execute("""
        CREATE MACRO text_or_null(value) AS
        CASE WHEN trimmed(value::VARCHAR) = '' THEN NULL ELSE value::VARCHAR END""")
    con.execute("""
        CREATE MACRO local_date(moment) AS
        timezone(getvariable('report_zone'), moment::TIMESTAMPTZ)::DATE""")
    return con


def day_files(exports, table, date):
    """The Parquet files of one day of a table; none where the table or the day is missing."""
    return sorted(Path(exports, table, f"date={date}").glob("*.parquet"))


def view_required(con, exports, table, date):
    """Creates the view raw_<table> over one day of a required table."""
    files = day_files(exports, table, date)
    if not files:
        raise SystemExit(f"no Parquet files of {table} for {date} in {exports}")
    read_files(con, files).create_view(f"raw_{table}")


def view_optional(con, table, files):
    """Creates the view raw_<table> over `files`, with every column of OPTIONAL_COLUMNS."""
    columns = OPTIONAL_COLUMNS[table]
    if files:
        relation = read_files(con, files)
        present = {name.lower() for name in relation.columns}
        absent = [f"NULL::{type_} AS {name}" for name, type_ in columns.items() if name not in present]
        relation = relation.project(", ".join(["*", *absent]))
    else:
        nulls = ", ".join(f"NULL::{type_} AS {name}" for name, type_ in columns.items())
        relation = con.sql(f"SELECT {nulls} WHERE false")
    relation.create_view(f"raw_{table}")


def read_files(con, files):
    return con.read_parquet([str(file) for file in files], union_by_name=True, hive_partitioning=False)


def load_users(con, exports, date):
    """Table users: one row a user, the most filled one, then the greatest."""
    view_required(con, exports, "users", date)
    con.execute(f"""
        CREATE TEMP TABLE users AS
        WITH identified AS (
            SELECT {clean_texts("user_id", *USER_DETAILS)}
            FROM raw_users WHERE text_or_null(user_id) IS NOT NULL
        )
        SELECT * FROM identified
        QUALIFY row_number() OVER (
            PARTITION BY user_id ORDER BY {filled(USER_DETAILS)} DESC, {greatest_first(USER_DETAILS)}
        ) = 1""")


def load_enrolments(con, exports, date):
    """Table enrolments: the rows that are not rejected, duplicates still in it."""
    view_required(con, exports, "enrolments", date)
    con.execute(f"""
        CREATE TEMP TABLE enrolments AS
        SELECT {clean_texts("user_id", "batch_id", "course_id")}, enrolled_at, active::BOOLEAN AS active
        FROM raw_enrolments
        WHERE text_or_null(user_id) IS NOT NULL AND text_or_null(batch_id) IS NOT NULL""")


def load_batches(con, exports, date):
    """Table batches: one row a batch of the export. Returns whether the export has batches at all."""
    files = day_files(exports, "batches", date)
    view_optional(con, "batches", files)
    ranked = ["course_id", "batch_name", "tenant_id", "created_by", "start_date", "end_date"]
    con.execute(f"""
        CREATE TEMP TABLE batches AS
        WITH identified AS (
            SELECT {clean_texts("batch_id", "course_id", "batch_name", "tenant_id", "created_by")},
                mentors, start_date, end_date
            FROM raw_batches WHERE text_or_null(batch_id) IS NOT NULL
        )
        SELECT batch_id, course_id, tenant_id FROM identified
        QUALIFY row_number() OVER (
            PARTITION BY batch_id ORDER BY {filled([*ranked, "mentors"])} DESC, {greatest_first(ranked)}
        ) = 1""")
    return bool(files)


def clean_texts(*columns):
    return ", ".join(f"text_or_null({column}) AS {column}" for column in columns)


def filled(columns):
    """SQL for the number of columns that are not NULL."""
    return "(" + " + ".join(f"({column} IS NOT NULL)::INT" for column in columns) + ")"


def greatest_first(columns):
    return ", ".join(f"{column} DESC NULLS LAST" for column in columns)


def csv_line(cells):
    """RFC 4180 with as few quotes as possible; the line ends with a line feed."""
    return ",".join(map(quoted, cells)) + "\n"


def quoted(cell):
    if any(special in cell for special in ',"\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell
