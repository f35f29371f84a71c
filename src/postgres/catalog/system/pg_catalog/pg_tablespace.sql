-- Always empty: where the exports lie is not revealed.
select * replace (
    cast(null as text[]) as spcacl,
    cast(null as text[]) as spcoptions
)
from library.pg_tablespace
where false
