-- pgAdmin 9.18, table count (web/pgadmin/browser/server_groups/servers/databases/schemas/tables/templates/tables/sql/default/count.sql)
SELECT COUNT(*)
FROM pg_catalog.pg_class rel
    WHERE rel.relkind IN ('r','s','t','p') AND rel.relnamespace = :public_oid::oid
    AND NOT rel.relispartition;
