-- One row a type; its column of arrays is an array.
select * replace (cast(null as text[]) as typacl)
from library.pg_type
