-- ADBC PostgreSQL driver 1.13, connect (c/driver/postgresql/database.cc)
SELECT
    attrelid,
    attname,
    atttypid
FROM
    pg_catalog.pg_attribute
ORDER BY
    attrelid, attnum
