-- should: a download event is not of a day before 2000, when there were none; tables by day leave it out
--
-- Those at 0 and those in seconds have rules of their own. Parameters: $earliest_day, the first day of tables by day.
select concat('event ', coalesce(mid, 'unknown'), ' of ', event_time) as example
from distinct_download_events
where
    local_date(event_time, $timezone) < $earliest_day
    and event_time not in (timestamp '1970-01-01T00:00:00Z', timestamp '0001-01-01T00:00:00Z')
    and event_time not between timestamp '1970-01-11T22:58:04.8Z' and timestamp '1970-02-01T00:00:00Z'
