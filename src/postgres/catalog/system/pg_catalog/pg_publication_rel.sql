-- Nothing is published; its columns of arrays are arrays.
select * replace (cast(null as smallint[]) as prattrs)
from library.pg_publication_rel
where false
