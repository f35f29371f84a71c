-- Metabase, connection test (src/metabase/driver/sql_jdbc/connection.clj)
SELECT 1
