-- should: nobody completes a course before enrolling
select concat('user ', enrolment.user_id, ' in batch ', enrolment.batch_id) as example
from distinct_enrolments as enrolment
join distinct_course_progress as progress
    on progress.user_id = enrolment.user_id and progress.batch_id = enrolment.batch_id
where progress.completed_at < enrolment.enrolled_at
