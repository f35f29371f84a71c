-- One row a setting that clients look up by name, beside those of the library.
select * from library.pg_settings
union all
select 'max_index_keys', '32', null, null, null, null, null, null, null, null, null, null, null, '32', null, null, null
