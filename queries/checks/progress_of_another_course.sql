-- should: progress names the course of its enrolment
select concat('user ', progress.user_id, ' in batch ', progress.batch_id) as example
from distinct_course_progress as progress
join distinct_enrolments as enrolment
    on enrolment.user_id = progress.user_id and enrolment.batch_id = progress.batch_id
where progress.course_id <> enrolment.course_id
