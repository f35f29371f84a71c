-- Where tables are, nobody is told.
select * replace (
    cast(null as text[]) as spcacl,
    cast(null as text[]) as spcoptions
)
from library.pg_tablespace
where false
