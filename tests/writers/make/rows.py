"""The rows that every writer writes, read from rows.json: dicts by table, times and days as Python's own types."""
import datetime
import decimal
import json
from pathlib import Path

DAY = "2026-11-22"
TABLES = ["users", "enrolments", "course_progress", "batches", "download_events"]
TIMES = {"enrolled_at", "completed_at", "event_time"}
DAYS = {"start_date", "end_date"}
# Columns whose values are UUIDs, for writers that have such a type. mentors is a list of them.
UUIDS = {"user_id", "created_by"}


def rows(table):
    """The table's rows: times are aware datetimes in UTC, days are dates, mentors a list of text, percents floats."""
    text = (Path(__file__).parent / "rows.json").read_text(encoding="utf-8")
    return [{name: parsed(name, value) for name, value in row.items()} for row in json.loads(text)[table]]


def parsed(name, value):
    if value is None:
        return None
    if name in TIMES:
        return datetime.datetime.fromisoformat(value)
    if name in DAYS:
        return datetime.date.fromisoformat(value)
    return value


def columns(table):
    """The same by column: name -> values."""
    found = rows(table)
    return {name: [row[name] for row in found] for name in found[0]}


def as_decimal(percent):
    return None if percent is None else decimal.Decimal(str(percent)).quantize(decimal.Decimal("0.01"))


def folder(out, writer, table, *below):
    """OUT/WRITER/<table>/date=DAY, made."""
    made = Path(out, writer, table, f"date={DAY}", *below)
    made.mkdir(parents=True, exist_ok=True)
    return made


def naive(time):
    """The UTC wall clock without its zone."""
    return None if time is None else time.astimezone(datetime.timezone.utc).replace(tzinfo=None)
