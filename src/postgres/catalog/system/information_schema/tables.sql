-- One row a table or view that the session sees.
select
    'pragati' as table_catalog,
    'public' as table_schema,
    table_name,
    table_type,
    cast(null as text) as self_referencing_column_name,
    cast(null as text) as reference_generation,
    cast(null as text) as user_defined_type_catalog,
    cast(null as text) as user_defined_type_schema,
    cast(null as text) as user_defined_type_name,
    'NO' as is_insertable_into,
    'NO' as is_typed,
    cast(null as text) as commit_action
from described.tables
