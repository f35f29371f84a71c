-- pgAdmin 9.18, table name (web/pgadmin/browser/server_groups/servers/databases/schemas/tables/templates/tables/sql/default/get_table.sql)
SELECT
    rel.relname AS name
FROM
    pg_catalog.pg_class rel
WHERE
    rel.relkind IN ('r','s','t','p')
    AND rel.relnamespace = :public_oid::oid
    AND rel.oid = :users_oid::oid;
