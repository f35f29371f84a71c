-- should: the time of a download event is set; 0 reads as 1970, and other tools' empty time as the year 1
with timed as (
    -- A row is a click, with its time in seconds since 1970-01-01.
    select mid, event_time, to_unixtime(event_time) as seconds
    from distinct_download_events
)
select concat('event ', coalesce(mid, 'unknown'), ' of ', event_time) as example
from timed
where seconds in (0, -62135596800)
