-- There are no rewrite rules.
select *
from library.pg_rewrite
where false
