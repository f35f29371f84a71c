-- There are no indexes.
select
    cast(null as text) as schemaname,
    cast(null as text) as tablename,
    cast(null as text) as indexname,
    cast(null as text) as tablespace,
    cast(null as text) as indexdef
where false
