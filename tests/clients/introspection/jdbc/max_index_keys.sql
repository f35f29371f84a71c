-- PostgreSQL JDBC driver 42.5.5, getMaxIndexKeys (pgjdbc/src/main/java/org/postgresql/jdbc/PgDatabaseMetaData.java)
SELECT setting FROM pg_catalog.pg_settings WHERE name='max_index_keys'
