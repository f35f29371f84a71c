-- should: a download event is not of a day before 2000, when there were none; tables by day leave it out
--
-- Those at 0 and those in seconds have rules of their own. Parameters: $earliest_day, the first day of tables by day.
with timed as (
    -- A row is a click, with its time in seconds since 1970-01-01.
    select mid, event_time, to_unixtime(event_time) as seconds
    from distinct_download_events
)
select concat('event ', coalesce(mid, 'unknown'), ' of ', event_time) as example
from timed
where
    local_date(event_time, $timezone) < $earliest_day
    and seconds not in (0, -62135596800)
    and seconds not between 946684 and 2678400
