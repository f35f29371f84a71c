#!/usr/bin/env python3
"""Oracle of download_events: prints its distinct rows as CSV, by mid; times are microseconds since 1970 UTC.

usage: events_oracle.py EXPORTS DATE
"""

import sys

import oracle_exports
import ratio_oracle

HEADER = ["mid", "event_time", "user_id", "course_id", "batch_id", "tenant_id", "source"]


def main():
    exports, date = sys.argv[1:]
    con = oracle_exports.connect("UTC")
    ratio_oracle.load_events(con, exports, date)
    rows = con.execute(f"""
        SELECT {", ".join("epoch_us(event_time)" if name == "event_time" else name for name in HEADER)}
        FROM events ORDER BY mid""")
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    sys.stdout.write(oracle_exports.csv_line(HEADER))
    while row := rows.fetchone():
        sys.stdout.write(oracle_exports.csv_line("" if cell is None else str(cell) for cell in row))


if __name__ == "__main__":
    main()
