-- The exports promise no references.
select
    cast(null as text) as constraint_catalog,
    cast(null as text) as constraint_schema,
    cast(null as text) as constraint_name,
    cast(null as text) as unique_constraint_catalog,
    cast(null as text) as unique_constraint_schema,
    cast(null as text) as unique_constraint_name,
    cast(null as text) as match_option,
    cast(null as text) as update_rule,
    cast(null as text) as delete_rule
where false
