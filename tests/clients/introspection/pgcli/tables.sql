-- pgcli 4.7, completion (pgcli/pgexecute.py, tables_query)
-- $1 text[]: {r,p,f}
SELECT  n.nspname schema_name,
        c.relname table_name
FROM    pg_catalog.pg_class c
        LEFT JOIN pg_catalog.pg_namespace n
            ON n.oid = c.relnamespace
WHERE   c.relkind = ANY($1)
ORDER BY 1,2;
