-- One row a relation, with the owner that pg_roles names and the columns that the library leaves out.
select * replace (10 as relowner),
    cast(null as text[]) as relacl,
    cast(null as text[]) as reloptions
from library.pg_class
