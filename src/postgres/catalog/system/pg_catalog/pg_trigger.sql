-- There are no triggers; its columns of arrays are arrays.
select * replace (cast(null as smallint[]) as tgattr)
from library.pg_trigger
where false
