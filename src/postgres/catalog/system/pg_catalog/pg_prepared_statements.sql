-- Always empty: the client's own prepared statements are not listed.
select
    cast(null as text) as name,
    cast(null as text) as statement,
    cast(null as timestamptz) as prepare_time,
    cast(null as text[]) as parameter_types,
    cast(null as text[]) as result_types,
    cast(null as boolean) as from_sql,
    cast(null as bigint) as generic_plans,
    cast(null as bigint) as custom_plans
where false
