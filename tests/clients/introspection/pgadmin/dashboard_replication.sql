-- pgAdmin 9.18, dashboard replication (web/pgadmin/dashboard/templates/dashboard/sql/default/replication_stats.sql)
select * from pg_catalog.pg_stat_replication
