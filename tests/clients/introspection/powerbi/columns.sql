-- Power BI, as recorded in cube-js/cube's and ravendb/ravendb's tests, a table (rust/cubesql/cubesql/src/compile/test/test_introspection.rs)
select COLUMN_NAME, ORDINAL_POSITION, IS_NULLABLE, case when (data_type like '%unsigned%') then DATA_TYPE || ' unsigned' else DATA_TYPE end as DATA_TYPE
from INFORMATION_SCHEMA.columns
where TABLE_SCHEMA = 'public' and TABLE_NAME = 'users'
order by TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION
