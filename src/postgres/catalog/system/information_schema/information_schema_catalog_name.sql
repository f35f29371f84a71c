-- The one database.
select 'pragati' as catalog_name
