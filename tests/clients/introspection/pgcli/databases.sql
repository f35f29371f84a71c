-- pgcli 4.7, completion (pgcli/pgexecute.py, databases_query)
SELECT d.datname
FROM pg_catalog.pg_database d
ORDER BY 1
