-- One row a column of a relation; its columns of arrays are arrays.
select * replace (
    cast(null as text[]) as attacl,
    cast(null as text[]) as attoptions,
    cast(null as text[]) as attfdwoptions
)
from library.pg_attribute
