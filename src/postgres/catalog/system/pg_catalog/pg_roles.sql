-- The one role that owns everything. The users who may log in are not listed.
select
    'pragati' as rolname,
    false as rolsuper,
    true as rolinherit,
    false as rolcreaterole,
    false as rolcreatedb,
    false as rolcanlogin,
    false as rolreplication,
    cast(-1 as int) as rolconnlimit,
    '********' as rolpassword,
    cast(null as timestamp) as rolvaliduntil,
    false as rolbypassrls,
    cast(null as text[]) as rolconfig,
    cast(10 as int) as oid
