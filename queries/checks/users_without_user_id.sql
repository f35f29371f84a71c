-- must: every row of users has a user_id
select concat('a user of ', coalesce(organization_name, 'an unknown organisation')) as example
from users
where user_id is null
