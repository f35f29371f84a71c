-- pgAdmin 9.18, query object (web/pgadmin/tools/sqleditor/templates/sqleditor/sql/default/objectname.sql)
SELECT n.nspname, r.relname
FROM pg_catalog.pg_class r
    LEFT JOIN pg_catalog.pg_namespace n ON (r.relnamespace = n.oid)
WHERE r.oid = :users_oid;
