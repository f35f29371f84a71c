-- should: progress belongs to an enrolment; other progress is not reported
select concat('user ', progress.user_id, ' in batch ', progress.batch_id) as example
from distinct_course_progress as progress
left anti join enrolments
    on enrolments.user_id = progress.user_id and enrolments.batch_id = progress.batch_id
