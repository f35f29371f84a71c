-- The exports promise no constraints.
select
    cast(null as text) as table_catalog,
    cast(null as text) as table_schema,
    cast(null as text) as table_name,
    cast(null as text) as column_name,
    cast(null as text) as constraint_catalog,
    cast(null as text) as constraint_schema,
    cast(null as text) as constraint_name
where false
