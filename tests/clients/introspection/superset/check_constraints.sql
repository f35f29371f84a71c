-- SQLAlchemy 1.4, as Superset uses it, get_check_constraints (lib/sqlalchemy/dialects/postgresql/base.py)
SELECT
    cons.conname as name,
    pg_get_constraintdef(cons.oid) as src
FROM
    pg_catalog.pg_constraint cons
WHERE
    cons.conrelid = :users_oid AND
    cons.contype = 'c'
