-- pgAdmin 9.18, database encodings (web/pgadmin/browser/server_groups/servers/databases/templates/databases/sql/default/get_encodings.sql)
SELECT * FROM
(SELECT pg_catalog.pg_encoding_to_char(s.i) AS encoding
FROM (SELECT pg_catalog.generate_series(0, 100, 1) as i) s) a
WHERE encoding != '' ORDER BY encoding;
