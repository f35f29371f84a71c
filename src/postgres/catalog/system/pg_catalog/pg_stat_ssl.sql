-- Always empty: a client does not learn which other clients are connected.
select
    cast(null as int) as pid,
    cast(null as boolean) as ssl,
    cast(null as text) as version,
    cast(null as text) as cipher,
    cast(null as int) as bits,
    cast(null as text) as client_dn,
    cast(null as numeric) as client_serial,
    cast(null as text) as issuer_dn
where false
