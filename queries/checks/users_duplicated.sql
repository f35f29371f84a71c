-- must: a user_id stands in users once
--
-- Keys are compared by their fingerprints, and only rows whose key may be repeated are numbered: see
-- src/engine/repeated_rows.
with numbered as (
    -- The rows of each user, from 1 in any order.
    select user_id, row_number() over (partition by user_id) as number
    from users
    where user_id is not null
)
select user_id as example
from numbered
where number = 2
