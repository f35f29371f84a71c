-- should: nothing has happened later than now
select concat('enrolled_at of user ', user_id, ' in batch ', batch_id) as example
from enrolments
where enrolled_at > now()
union all
select concat('completed_at of user ', user_id, ' in batch ', batch_id) as example
from course_progress
where completed_at > now()
union all
select concat('event_time of download event ', mid) as example
from download_events
where event_time > now()
