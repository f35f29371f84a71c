"""Prints when the offset of each time zone changes, by PyPI's copy of the tz database alone: one line a zone, of its name, its offset
at the start of 1970, and `moment:offset` for each change up to the end of 2037. Seconds since 1970, and seconds east of UTC."""

import datetime
import functools
import importlib.resources
import io
import zoneinfo

START, END = 0, 2_145_916_800
STEP = 3 * 86_400
EPOCH = datetime.datetime(1970, 1, 1)
SECOND = datetime.timedelta(seconds=1)
# Made once for all zones: there are some 8,000.
MOMENTS = [(moment, EPOCH + datetime.timedelta(seconds=moment)) for moment in range(START + STEP, END + 1, STEP)]

DATABASE = importlib.resources.files("tzdata") / "zoneinfo"


def offset(zone, utc):
    return zone.fromutc(utc.replace(tzinfo=zone)).replace(tzinfo=None) - utc


# Names of one place are copies of one file.
@functools.cache
def changes(content):
    zone = zoneinfo.ZoneInfo.from_file(io.BytesIO(content))
    before = offset(zone, EPOCH)
    found = [str(before // SECOND)]
    for moment, utc in MOMENTS:
        after = offset(zone, utc)
        if after != before:
            same, other = moment - STEP, moment
            while other - same > 1:
                middle = (same + other) // 2
                if offset(zone, EPOCH + datetime.timedelta(seconds=middle)) == before:
                    same = middle
                else:
                    other = middle
            found.append(f"{other}:{offset(zone, EPOCH + datetime.timedelta(seconds=other)) // SECOND}")
            before = after
    return found


names = (importlib.resources.files("tzdata") / "zones").read_text().split()
for name in sorted(names):
    print(name, *changes((DATABASE / name).read_bytes()))
