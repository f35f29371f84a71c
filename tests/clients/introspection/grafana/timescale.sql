-- Grafana, is TimescaleDB there (public/app/plugins/datasource/grafana-postgresql-datasource/postgresMetaQuery.ts)
SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'
