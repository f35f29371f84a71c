-- should: every download event has a mid; others are not counted
select concat('batch ', coalesce(batch_id, 'unknown'), ' at ', coalesce(cast(event_time as varchar), 'unknown time')) as example
from download_events
where mid is null
