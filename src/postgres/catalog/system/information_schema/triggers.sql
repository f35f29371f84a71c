-- There are no triggers.
select
    cast(null as text) as trigger_catalog,
    cast(null as text) as trigger_schema,
    cast(null as text) as trigger_name,
    cast(null as text) as event_manipulation,
    cast(null as text) as event_object_catalog,
    cast(null as text) as event_object_schema,
    cast(null as text) as event_object_table,
    cast(null as int) as action_order,
    cast(null as text) as action_condition,
    cast(null as text) as action_statement,
    cast(null as text) as action_orientation,
    cast(null as text) as action_timing
where false
