-- should: every download event has a time; others are not counted
select concat('event ', mid) as example
from distinct_download_events
where event_time is null
