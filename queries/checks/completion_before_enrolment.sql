-- should: nobody completes a course before enrolling
--
-- The rows are those of progress_of_another_course and progress_without_enrolment, so that they are joined once.
select concat('user ', progress.user_id, ' in batch ', progress.batch_id) as example
from distinct_course_progress as progress
left join distinct_enrolments as enrolment
    on enrolment.user_id = progress.user_id and enrolment.batch_id = progress.batch_id
where progress.completed_at < enrolment.enrolled_at
