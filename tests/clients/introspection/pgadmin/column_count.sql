-- pgAdmin 9.18, column count (web/pgadmin/browser/server_groups/servers/databases/schemas/tables/templates/columns/sql/default/count.sql)
SELECT COUNT(*)
FROM pg_catalog.pg_attribute att
WHERE
    att.attrelid = :users_oid::oid
    AND att.attnum > 0
    AND att.attisdropped IS FALSE
