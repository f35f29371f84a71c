-- pgAdmin 9.18, query columns (web/pgadmin/tools/sqleditor/templates/sqleditor/sql/default/get_columns.sql)
SELECT at.attname, ty.typname, at.attnum
    FROM pg_catalog.pg_attribute at
    LEFT JOIN pg_catalog.pg_type ty ON (ty.oid = at.atttypid)
    JOIN pg_catalog.pg_class as cl ON cl.oid=at.attrelid
    JOIN pg_catalog.pg_namespace as nsp ON nsp.oid=cl.relnamespace
WHERE
    attrelid=:users_oid::oid AND
at.attnum > 0
AND at.attisdropped = FALSE
