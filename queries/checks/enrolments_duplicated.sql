-- should: a user is enrolled in a batch once; the latest enrolment counts
select concat('user ', user_id, ' in batch ', batch_id) as example
from enrolments
where user_id is not null and batch_id is not null
group by user_id, batch_id
having count(*) > 1
