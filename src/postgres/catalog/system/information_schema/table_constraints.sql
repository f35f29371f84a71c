-- The exports promise no constraints.
select
    cast(null as text) as constraint_catalog,
    cast(null as text) as constraint_schema,
    cast(null as text) as constraint_name,
    cast(null as text) as table_catalog,
    cast(null as text) as table_schema,
    cast(null as text) as table_name,
    cast(null as text) as constraint_type,
    cast(null as text) as is_deferrable,
    cast(null as text) as initially_deferred,
    cast(null as text) as enforced,
    cast(null as text) as nulls_distinct
where false
