-- pgAdmin 9.18, table schema (web/pgadmin/browser/server_groups/servers/databases/schemas/tables/templates/tables/sql/default/get_schema.sql)
SELECT nsp.nspname FROM pg_catalog.pg_namespace nsp WHERE nsp.oid = :public_oid;
