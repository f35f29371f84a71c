-- should: a user is enrolled in a batch once; the latest enrolment counts
--
-- Keys are compared by their fingerprints, and only rows whose key may be repeated are numbered: see
-- src/engine/repeated_rows.
with numbered as (
    -- The rows of each user and batch, from 1 in any order.
    select user_id, batch_id, row_number() over (partition by batch_id, user_id) as number
    from enrolments
    where user_id is not null and batch_id is not null
)
select concat('user ', user_id, ' in batch ', batch_id) as example
from numbered
where number = 2
