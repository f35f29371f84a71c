-- Course progress with percents that are numbers.
--
-- One row: one row of `course_progress`. A percent that is not a number is NULL.
-- View.
select
    user_id,
    course_id,
    batch_id,
    case when isnan(progress_percent) then null else progress_percent end as progress_percent,
    completed_at
from course_progress
