-- should: every enrolment says whether it is active; others are not reported
select concat('user ', user_id, ' in batch ', batch_id) as example
from enrolments
where active is null and user_id is not null and batch_id is not null
