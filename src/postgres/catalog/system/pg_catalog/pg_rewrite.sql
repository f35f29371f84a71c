-- There are no rules of rewriting.
select *
from library.pg_rewrite
where false
