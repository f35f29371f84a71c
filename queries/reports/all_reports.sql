-- The Course Progress Reports of all batches, one after the other.
--
-- One row: one active enrolment.
select *
from course_progress_report
order by batch_id, user_id
