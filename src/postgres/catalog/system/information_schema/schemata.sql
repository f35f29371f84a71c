-- One row a schema.
select
    'pragati' as catalog_name,
    column1 as schema_name,
    'pragati' as schema_owner,
    cast(null as text) as default_character_set_catalog,
    cast(null as text) as default_character_set_schema,
    cast(null as text) as default_character_set_name,
    cast(null as text) as sql_path
from (values ('public'), ('pg_catalog'), ('information_schema'))
