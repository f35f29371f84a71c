-- pgAdmin 9.18, connect gssapi (web/pgadmin/utils/driver/psycopg3/connection.py)
SELECT
     gss_authenticated, encrypted
FROM
    pg_catalog.pg_stat_gssapi
WHERE pid = pg_backend_pid()
