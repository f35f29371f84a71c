-- One row a function of PostgreSQL, its columns of arrays as arrays, and without the rights of roles that are not here.
select * replace (
    cast(string_to_array(nullif(proargtypes, ''), ' ') as int[]) as proargtypes,
    cast(string_to_array(replace(trim(both '[]' from proallargtypes), ' ', ''), ',') as int[]) as proallargtypes,
    string_to_array(replace(replace(trim(both '[]' from proargmodes), ' ', ''), '''', ''), ',') as proargmodes,
    string_to_array(replace(replace(trim(both '[]' from proargnames), ' ', ''), '''', ''), ',') as proargnames,
    cast(null as int[]) as protrftypes,
    cast(null as text[]) as proconfig,
    cast(null as text[]) as proacl
)
from library.pg_proc
