-- There are no sequences.
select *
from library.pg_sequence
where false
