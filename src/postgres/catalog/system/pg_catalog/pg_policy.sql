-- Which rows a user sees is set in the configuration, not by policies in SQL; its columns of arrays are arrays.
select * replace (cast(null as int[]) as polroles)
from library.pg_policy
where false
