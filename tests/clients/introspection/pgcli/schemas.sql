-- pgcli 4.7, completion (pgcli/pgexecute.py, schemata_query)
SELECT  nspname
FROM    pg_catalog.pg_namespace
ORDER BY 1
