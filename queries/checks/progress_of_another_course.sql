-- should: progress names the course of its enrolment
--
-- The rows are those of completion_before_enrolment and progress_without_enrolment, so that they are joined once.
select concat('user ', progress.user_id, ' in batch ', progress.batch_id) as example
from distinct_course_progress as progress
left join distinct_enrolments as enrolment
    on enrolment.user_id = progress.user_id and enrolment.batch_id = progress.batch_id
where progress.course_id <> enrolment.course_id
