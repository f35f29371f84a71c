-- Who sees which rows is configured, not a policy of SQL; its columns of arrays are arrays.
select * replace (cast(null as int[]) as polroles)
from library.pg_policy
where false
