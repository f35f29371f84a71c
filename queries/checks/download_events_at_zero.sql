-- should: the time of a download event is set; 0 reads as 1970, and other tools' empty time as the year 1
select concat('event ', coalesce(mid, 'unknown'), ' of ', event_time) as example
from distinct_download_events
where event_time in (timestamp '1970-01-01T00:00:00Z', timestamp '0001-01-01T00:00:00Z')
