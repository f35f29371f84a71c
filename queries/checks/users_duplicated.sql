-- must: a user_id stands in users once
select user_id as example
from users
where user_id is not null
group by user_id
having count(*) > 1
