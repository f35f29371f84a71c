-- Enrolments without duplicates.
--
-- One row: one user in one batch, active or not. Rows without a user_id or batch_id are left out.
-- Among rows of the same user and batch, the latest enrolled_at wins, then the active one.
-- Only rows whose key may be repeated are ranked here: see src/engine/repeated_rows.
-- View.
with
    ranked as (
        select
            user_id,
            course_id,
            batch_id,
            enrolled_at,
            active,
            row_number() over (
                partition by batch_id, user_id
                order by enrolled_at desc nulls last, coalesce(active, false) desc, course_id
            ) as place
        from enrolments
        where user_id is not null and batch_id is not null
    )
select user_id, course_id, batch_id, enrolled_at, active
from ranked
where place = 1
