-- must: every enrolment has a course_id
select concat('user ', coalesce(user_id, 'unknown'), ' in batch ', coalesce(batch_id, 'unknown')) as example
from enrolments
where course_id is null
