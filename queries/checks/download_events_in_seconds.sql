-- should: the time of a download event is in milliseconds; times in seconds read as days of January 1970
--
-- Taken as seconds, these times lie in the years 2000 to 2054: a thousandth of them, from 1970-01-11T22:58:04 on.
with timed as (
    -- A row is a click, with its time in seconds since 1970-01-01.
    select mid, event_time, to_unixtime(event_time) as seconds
    from distinct_download_events
)
select concat('event ', coalesce(mid, 'unknown'), ' of ', event_time) as example
from timed
where seconds between 946684 and 2678400
