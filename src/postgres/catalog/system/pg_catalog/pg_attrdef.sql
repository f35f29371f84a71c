-- No column has a default.
select *
from library.pg_attrdef
where false
