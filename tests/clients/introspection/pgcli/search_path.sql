-- pgcli 4.7, completion (pgcli/pgexecute.py, search_path_query)
SELECT * FROM unnest(current_schemas(true))
