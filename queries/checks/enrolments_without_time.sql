-- should: every enrolment has an enrolled_at; others have a blank Enrollment Date
select concat('user ', user_id, ' in batch ', batch_id) as example
from enrolments
where enrolled_at is null and user_id is not null and batch_id is not null
