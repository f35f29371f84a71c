-- pgAdmin 9.18, dashboard configuration (web/pgadmin/dashboard/templates/dashboard/sql/default/config.sql)
SELECT
    name,
    category,
    setting,
    unit,
    short_desc
FROM
    pg_catalog.pg_show_all_settings()
ORDER BY
    category
