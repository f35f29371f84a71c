-- Enrolments of Sunbird, from user_enrolments.
--
-- One row: one user in one batch. The time is enrolled_date (since 3.9), else enrolleddate, a text: utc_time reads timestamps
-- and text, and text that is no time gives NULL. `active` is a boolean, or text in any case; most rows are 'true' as they are.
-- Progress alone makes rows without it: they are no enrolments.
select
    userid as user_id,
    courseid as course_id,
    batchid as batch_id,
    coalesce(utc_time(enrolled_date), utc_time(enrolleddate)) as enrolled_at,
    case
        when cast(active as varchar) = 'true' then true
        else lower(trim(cast(active as varchar))) = 'true'
    end as active
from user_enrolments
