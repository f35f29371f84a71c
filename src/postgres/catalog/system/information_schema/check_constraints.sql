-- The exports promise no constraints.
select
    cast(null as text) as constraint_catalog,
    cast(null as text) as constraint_schema,
    cast(null as text) as constraint_name,
    cast(null as text) as check_clause
where false
