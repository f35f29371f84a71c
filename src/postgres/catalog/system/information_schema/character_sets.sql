-- The one character set.
select
    cast(null as text) as character_set_catalog,
    cast(null as text) as character_set_schema,
    'UTF8' as character_set_name,
    'UCS' as character_repertoire,
    'UTF8' as form_of_use,
    'pragati' as default_collate_catalog,
    'pg_catalog' as default_collate_schema,
    'C' as default_collate_name
