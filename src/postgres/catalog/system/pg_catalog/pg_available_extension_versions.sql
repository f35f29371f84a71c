-- There are no extensions.
select
    cast(null as text) as name,
    cast(null as text) as version,
    cast(null as boolean) as installed,
    cast(null as boolean) as superuser,
    cast(null as boolean) as trusted,
    cast(null as boolean) as relocatable,
    cast(null as text) as schema,
    cast(null as text[]) as requires,
    cast(null as text) as comment
where false
