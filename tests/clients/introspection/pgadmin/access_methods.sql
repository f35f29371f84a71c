-- pgAdmin 9.18, access methods (web/pgadmin/browser/server_groups/servers/databases/schemas/tables/templates/tables/sql/default/get_access_methods.sql)
SELECT oid, amname
FROM pg_catalog.pg_am WHERE amtype = 't';
