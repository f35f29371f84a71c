-- There are no functions but the engine's own.
select
    cast(null as text) as specific_catalog,
    cast(null as text) as specific_schema,
    cast(null as text) as specific_name,
    cast(null as int) as ordinal_position,
    cast(null as text) as parameter_mode,
    cast(null as text) as is_result,
    cast(null as text) as as_locator,
    cast(null as text) as parameter_name,
    cast(null as text) as data_type,
    cast(null as text) as udt_catalog,
    cast(null as text) as udt_schema,
    cast(null as text) as udt_name,
    cast(null as text) as parameter_default
where false
