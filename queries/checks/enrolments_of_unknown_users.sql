-- should: the user of every active enrolment is in users; others are reported with blank details
select concat('user ', enrolment.user_id, ' in batch ', enrolment.batch_id) as example
from distinct_enrolments as enrolment
left anti join users on users.user_id = enrolment.user_id
where enrolment.active
