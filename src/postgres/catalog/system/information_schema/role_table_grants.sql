-- Users who see a table or view may read it, and do nothing else with it.
select
    'pragati' as grantor,
    'PUBLIC' as grantee,
    'pragati' as table_catalog,
    'public' as table_schema,
    table_name,
    'SELECT' as privilege_type,
    'NO' as is_grantable,
    'YES' as with_hierarchy
from described.tables
