-- There are no domains.
select
    cast(null as text) as domain_catalog,
    cast(null as text) as domain_schema,
    cast(null as text) as domain_name,
    cast(null as text) as data_type,
    cast(null as int) as character_maximum_length,
    cast(null as int) as numeric_precision,
    cast(null as int) as numeric_scale,
    cast(null as text) as domain_default,
    cast(null as text) as udt_catalog,
    cast(null as text) as udt_schema,
    cast(null as text) as udt_name
where false
