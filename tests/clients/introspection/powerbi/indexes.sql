-- Power BI, as recorded in cube-js/cube's and ravendb/ravendb's tests, keys of a table (rust/cubesql/cubesql/src/compile/test/test_introspection.rs)
select
    i.CONSTRAINT_SCHEMA || '_' || i.CONSTRAINT_NAME as INDEX_NAME,
    ii.COLUMN_NAME,
    ii.ORDINAL_POSITION,
    case
        when i.CONSTRAINT_TYPE = 'PRIMARY KEY' then 'Y'
        else 'N'
    end as PRIMARY_KEY
from INFORMATION_SCHEMA.table_constraints i
inner join INFORMATION_SCHEMA.key_column_usage ii on
    i.CONSTRAINT_SCHEMA = ii.CONSTRAINT_SCHEMA and
    i.CONSTRAINT_NAME = ii.CONSTRAINT_NAME and
    i.TABLE_SCHEMA = ii.TABLE_SCHEMA and
    i.TABLE_NAME = ii.TABLE_NAME
where
    i.TABLE_SCHEMA = 'public' and
    i.TABLE_NAME = 'users' and
    i.CONSTRAINT_TYPE in ('PRIMARY KEY', 'UNIQUE')
order by
    i.CONSTRAINT_SCHEMA || '_' || i.CONSTRAINT_NAME,
    ii.TABLE_SCHEMA,
    ii.TABLE_NAME,
    ii.ORDINAL_POSITION
