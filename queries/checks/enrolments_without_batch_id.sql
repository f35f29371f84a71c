-- must: every enrolment has a batch_id; others are rejected from the reports
select concat('user ', coalesce(user_id, 'unknown')) as example
from enrolments
where batch_id is null
