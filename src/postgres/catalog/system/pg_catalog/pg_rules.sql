-- There are no rules.
select
    cast(null as text) as schemaname,
    cast(null as text) as tablename,
    cast(null as text) as rulename,
    cast(null as text) as definition
where false
