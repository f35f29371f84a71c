-- The one database; its counters are at /metrics.
select
    oid as datid,
    datname,
    cast(0 as int) as numbackends,
    cast(0 as bigint) as xact_commit,
    cast(0 as bigint) as xact_rollback,
    cast(0 as bigint) as blks_read,
    cast(0 as bigint) as blks_hit,
    cast(0 as bigint) as tup_returned,
    cast(0 as bigint) as tup_fetched,
    cast(0 as bigint) as tup_inserted,
    cast(0 as bigint) as tup_updated,
    cast(0 as bigint) as tup_deleted,
    cast(0 as bigint) as conflicts,
    cast(0 as bigint) as temp_files,
    cast(0 as bigint) as temp_bytes,
    cast(0 as bigint) as deadlocks,
    cast(0 as double precision) as blk_read_time,
    cast(0 as double precision) as blk_write_time,
    cast(null as timestamptz) as stats_reset
from library.pg_database
where datname = 'pragati'
