-- Nothing is written, so nothing is locked.
select
    cast(null as text) as locktype,
    cast(null as int) as database,
    cast(null as int) as relation,
    cast(null as int) as page,
    cast(null as smallint) as tuple,
    cast(null as text) as virtualxid,
    cast(null as int) as transactionid,
    cast(null as int) as classid,
    cast(null as int) as objid,
    cast(null as smallint) as objsubid,
    cast(null as text) as virtualtransaction,
    cast(null as int) as pid,
    cast(null as text) as mode,
    cast(null as boolean) as granted,
    cast(null as boolean) as fastpath,
    cast(null as timestamptz) as waitstart
where false
