-- The one database that can be connected to. Texts are ordered by their code points, as `show lc_collate` says.
select
    * replace ('C' as datcollate),
    cast(null as text) as datcollversion
from library.pg_database
where datname = 'pragati'
