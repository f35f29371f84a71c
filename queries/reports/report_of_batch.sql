-- The Course Progress Report of one batch, in the order of the file.
--
-- One row: one active enrolment. Parameter: $batch_id.
select *
from course_progress_report
where batch_id = $batch_id
order by user_id
