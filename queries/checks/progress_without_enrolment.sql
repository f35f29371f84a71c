-- should: progress belongs to an enrolment; other progress is not reported
--
-- The rows are those of completion_before_enrolment and progress_of_another_course, so that they are joined once.
select concat('user ', progress.user_id, ' in batch ', progress.batch_id) as example
from distinct_course_progress as progress
left join distinct_enrolments as enrolment
    on enrolment.user_id = progress.user_id and enrolment.batch_id = progress.batch_id
where enrolment.user_id is null
