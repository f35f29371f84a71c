-- Course progress without duplicates.
--
-- One row: one user in one batch. Rows without a user_id or batch_id are left out. A percent that is not a number is NULL.
-- Among rows of the same user and batch, the highest percent wins, then the earliest completed_at.
-- Only rows whose key may be repeated are ranked here: see src/engine/repeated_rows.
-- View.
with
    ranked as (
        select
            user_id,
            course_id,
            batch_id,
            progress_percent,
            completed_at,
            row_number() over (
                partition by batch_id, user_id
                order by progress_percent desc nulls last, completed_at asc nulls last, course_id
            ) as place
        from numeric_course_progress
        where user_id is not null and batch_id is not null
    )
select user_id, course_id, batch_id, progress_percent, completed_at
from ranked
where place = 1
