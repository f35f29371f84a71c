-- There are no functions but the engine's own.
select
    cast(null as text) as specific_catalog,
    cast(null as text) as specific_schema,
    cast(null as text) as specific_name,
    cast(null as text) as routine_catalog,
    cast(null as text) as routine_schema,
    cast(null as text) as routine_name,
    cast(null as text) as routine_type,
    cast(null as text) as data_type,
    cast(null as text) as type_udt_catalog,
    cast(null as text) as type_udt_schema,
    cast(null as text) as type_udt_name,
    cast(null as text) as routine_body,
    cast(null as text) as routine_definition,
    cast(null as text) as external_name,
    cast(null as text) as external_language,
    cast(null as text) as parameter_style,
    cast(null as text) as is_deterministic,
    cast(null as text) as sql_data_access,
    cast(null as text) as is_null_call,
    cast(null as text) as security_type
where false
