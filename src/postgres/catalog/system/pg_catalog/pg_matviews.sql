-- There are no materialized views.
select
    cast(null as text) as schemaname,
    cast(null as text) as matviewname,
    cast(null as text) as matviewowner,
    cast(null as text) as tablespace,
    cast(null as boolean) as hasindexes,
    cast(null as boolean) as ispopulated,
    cast(null as text) as definition
where false
