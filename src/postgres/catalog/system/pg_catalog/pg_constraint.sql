-- The exports promise no constraints; its columns of arrays are arrays.
select * replace (
    cast(null as smallint[]) as conkey,
    cast(null as smallint[]) as confkey,
    cast(null as int[]) as conpfeqop,
    cast(null as int[]) as conppeqop,
    cast(null as int[]) as conffeqop,
    cast(null as smallint[]) as confdelsetcols,
    cast(null as int[]) as conexclop
)
from library.pg_constraint
where false
