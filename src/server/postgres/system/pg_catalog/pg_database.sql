-- The one database that can be connected to.
select *
from library.pg_database
where datname = 'pragati'
