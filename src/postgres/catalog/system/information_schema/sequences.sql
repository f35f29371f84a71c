-- There are no sequences.
select
    cast(null as text) as sequence_catalog,
    cast(null as text) as sequence_schema,
    cast(null as text) as sequence_name,
    cast(null as text) as data_type,
    cast(null as int) as numeric_precision,
    cast(null as int) as numeric_precision_radix,
    cast(null as int) as numeric_scale,
    cast(null as text) as start_value,
    cast(null as text) as minimum_value,
    cast(null as text) as maximum_value,
    cast(null as text) as increment,
    cast(null as text) as cycle_option
where false
