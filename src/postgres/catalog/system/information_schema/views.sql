-- One row a view that the session sees. Its SQL is not shown, as PostgreSQL shows it to owners alone.
select
    'pragati' as table_catalog,
    'public' as table_schema,
    table_name,
    cast(null as text) as view_definition,
    'NONE' as check_option,
    'NO' as is_updatable,
    'NO' as is_insertable_into,
    'NO' as is_trigger_updatable,
    'NO' as is_trigger_deletable,
    'NO' as is_trigger_insertable_into
from described.tables
where table_type = 'VIEW'
