-- No role is a member of another.
select *
from library.pg_auth_members
where false
