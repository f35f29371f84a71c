-- pgAdmin 9.18, dashboard prepared (web/pgadmin/dashboard/templates/dashboard/sql/default/prepared.sql)
SELECT
    gid,
    database,
    owner,
    transaction,
    pg_catalog.to_char(prepared, 'YYYY-MM-DD HH24:MI:SS TZ') AS prepared
FROM
    pg_catalog.pg_prepared_xacts
ORDER BY
    gid, database, owner
