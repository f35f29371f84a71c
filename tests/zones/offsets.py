"""Prints when the offset of each time zone changes, by PyPI's copy of the tz database alone: one line a zone, of its name, its offset
at the start of 1970, and `moment:offset` for each change up to the end of 2037. Seconds since 1970, and seconds east of UTC."""

import datetime
import importlib.resources
import zoneinfo

START, END = 0, 2_145_916_800
STEP = 3 * 86_400
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

# The system's copy is not asked.
zoneinfo.reset_tzpath([])


def offset(zone, moment):
    utc = (EPOCH + datetime.timedelta(seconds=moment)).replace(tzinfo=zone)
    return int(zone.fromutc(utc).utcoffset().total_seconds())


def changes(zone):
    before = offset(zone, START)
    for moment in range(START + STEP, END + 1, STEP):
        after = offset(zone, moment)
        if after != before:
            same, other = moment - STEP, moment
            while other - same > 1:
                middle = (same + other) // 2
                if offset(zone, middle) == before:
                    same = middle
                else:
                    other = middle
            yield f"{other}:{offset(zone, other)}"
            before = after


names = (importlib.resources.files("tzdata") / "zones").read_text().split()
for name in sorted(names):
    zone = zoneinfo.ZoneInfo(name)
    print(name, offset(zone, START), *changes(zone))
