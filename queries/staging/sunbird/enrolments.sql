-- Enrolments of Sunbird, from user_enrolments.
--
-- One row: one user in one batch. `active` is text in any case. Times are text such as `2019-01-14 09:11:19:620+0000`,
-- with a colon or a point before the milliseconds; text that is no time gives NULL.
select
    userid as user_id,
    courseid as course_id,
    batchid as batch_id,
    arrow_cast(
        try_cast(regexp_replace(cast(enrolleddate as varchar), '^(.{19}):', '\1.') as timestamp),
        'Timestamp(Millisecond, Some("UTC"))'
    ) as enrolled_at,
    lower(trim(cast(active as varchar))) = 'true' as active
from user_enrolments
