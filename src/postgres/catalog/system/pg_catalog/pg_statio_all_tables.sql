-- Always empty: reads are not counted by table.
select
    cast(null as int) as relid,
    cast(null as text) as schemaname,
    cast(null as text) as relname,
    cast(null as bigint) as heap_blks_read,
    cast(null as bigint) as heap_blks_hit,
    cast(null as bigint) as idx_blks_read,
    cast(null as bigint) as idx_blks_hit,
    cast(null as bigint) as toast_blks_read,
    cast(null as bigint) as toast_blks_hit,
    cast(null as bigint) as tidx_blks_read,
    cast(null as bigint) as tidx_blks_hit
where false
