-- must: every enrolment has a user_id; others are rejected from the reports
select concat('batch ', coalesce(batch_id, 'unknown')) as example
from enrolments
where user_id is null
