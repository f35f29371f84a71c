-- One row a schema, with the owner that pg_roles names; its column of arrays is an array.
select * replace (
    cast(10 as int) as nspowner,
    cast(null as text[]) as nspacl
)
from library.pg_namespace
