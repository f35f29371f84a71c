-- pgcli 4.7, connect (pgcli/pgexecute.py)
show time zone
