-- Course progress of Sunbird, from user_enrolments.
--
-- One row: one user in one batch. A missing percentage means 0. Times are read as in enrolments.sql.
select
    userid as user_id,
    courseid as course_id,
    batchid as batch_id,
    coalesce(try_cast(completionpercentage as double), 0) as progress_percent,
    arrow_cast(
        try_cast(regexp_replace(cast(completedon as varchar), '^(.{19}):', '\1.') as timestamp),
        'Timestamp(Millisecond, Some("UTC"))'
    ) as completed_at
from user_enrolments
