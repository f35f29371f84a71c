-- Nothing is written, so no transaction is prepared.
select
    cast(null as int) as transaction,
    cast(null as text) as gid,
    cast(null as timestamptz) as prepared,
    cast(null as text) as owner,
    cast(null as text) as database
where false
