-- There are no security labels.
select
    cast(null as int) as objoid,
    cast(null as int) as classoid,
    cast(null as int) as objsubid,
    cast(null as text) as objtype,
    cast(null as int) as objnamespace,
    cast(null as text) as objname,
    cast(null as text) as provider,
    cast(null as text) as label
where false
