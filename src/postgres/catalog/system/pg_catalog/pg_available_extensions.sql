-- There are no extensions.
select
    cast(null as text) as name,
    cast(null as text) as default_version,
    cast(null as text) as installed_version,
    cast(null as text) as comment
where false
