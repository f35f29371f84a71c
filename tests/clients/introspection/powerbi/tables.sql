-- Power BI, as recorded in cube-js/cube's and ravendb/ravendb's tests, navigator (rust/cubesql/cubesql/src/compile/test/test_introspection.rs)
select TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE
from INFORMATION_SCHEMA.tables
where TABLE_SCHEMA not in ('information_schema', 'pg_catalog')
order by TABLE_SCHEMA, TABLE_NAME
