-- should: every row of course_progress has a user_id and a batch_id; others are not reported
select concat('user ', coalesce(user_id, 'unknown'), ' in batch ', coalesce(batch_id, 'unknown')) as example
from course_progress
where user_id is null or batch_id is null
