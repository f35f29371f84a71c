-- Grafana, tables of a schema (public/app/plugins/datasource/grafana-postgresql-datasource/postgresMetaQuery.ts)
SELECT quote_ident(table_name) AS "table"
      FROM information_schema.tables
      WHERE quote_ident(table_schema) = 'public'
      ORDER BY 1
