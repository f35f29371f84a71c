-- There are no extended statistics; its columns of arrays are arrays.
select * replace (
    cast(null as smallint[]) as stxkeys,
    cast(null as text[]) as stxkind
)
from library.pg_statistic_ext
where false
