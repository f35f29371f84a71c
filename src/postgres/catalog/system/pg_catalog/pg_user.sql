-- The one role that owns everything, as older tools ask for it.
select
    'pragati' as usename,
    cast(10 as int) as usesysid,
    false as usecreatedb,
    false as usesuper,
    false as userepl,
    false as usebypassrls,
    '********' as passwd,
    cast(null as timestamp) as valuntil,
    cast(null as text[]) as useconfig
