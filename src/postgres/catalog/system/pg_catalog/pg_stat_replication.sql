-- Nothing is written, so there are no replicas.
select
    cast(null as int) as pid,
    cast(null as int) as usesysid,
    cast(null as text) as usename,
    cast(null as text) as application_name,
    cast(null as text) as client_addr,
    cast(null as text) as client_hostname,
    cast(null as int) as client_port,
    cast(null as timestamptz) as backend_start,
    cast(null as int) as backend_xmin,
    cast(null as text) as state,
    cast(null as text) as sent_lsn,
    cast(null as text) as write_lsn,
    cast(null as text) as flush_lsn,
    cast(null as text) as replay_lsn,
    cast(null as text) as write_lag,
    cast(null as text) as flush_lag,
    cast(null as text) as replay_lag,
    cast(null as int) as sync_priority,
    cast(null as text) as sync_state,
    cast(null as timestamptz) as reply_time
where false
