-- No role is a member of another.
select
    cast(null as text) as groname,
    cast(null as int) as grosysid,
    cast(null as int[]) as grolist
where false
