-- should: the time of a download event is in milliseconds; times in seconds read as days of January 1970
--
-- Taken as seconds, these times lie in the years 2000 to 2054.
select concat('event ', coalesce(mid, 'unknown'), ' of ', event_time) as example
from distinct_download_events
where event_time between timestamp '1970-01-11T22:58:04.8Z' and timestamp '1970-02-01T00:00:00Z'
