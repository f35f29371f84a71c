-- Always empty: the client's own open cursors are not listed.
select
    cast(null as text) as name,
    cast(null as text) as statement,
    cast(null as boolean) as is_holdable,
    cast(null as boolean) as is_binary,
    cast(null as boolean) as is_scrollable,
    cast(null as timestamptz) as creation_time
where false
