-- There are no indexes; its columns of arrays are arrays.
select * replace (
    cast(null as smallint[]) as indkey,
    cast(null as int[]) as indcollation,
    cast(null as int[]) as indclass,
    cast(null as smallint[]) as indoption
)
from library.pg_index
where false
