-- There are no sequences.
select
    cast(null as text) as schemaname,
    cast(null as text) as sequencename,
    cast(null as text) as sequenceowner,
    cast(null as int) as data_type,
    cast(null as bigint) as start_value,
    cast(null as bigint) as min_value,
    cast(null as bigint) as max_value,
    cast(null as bigint) as increment_by,
    cast(null as boolean) as cycle,
    cast(null as bigint) as cache_size,
    cast(null as bigint) as last_value
where false
