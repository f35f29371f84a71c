-- Metabase, may the table be read (src/metabase/driver/sql_jdbc/sync/describe_database.clj)
SELECT TRUE AS "_" FROM "public"."users" WHERE 1 <> 1 LIMIT 0
