-- SQLAlchemy 1.4, as Superset uses it, get_columns (lib/sqlalchemy/dialects/postgresql/base.py)
SELECT c.oid
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname = 'public')
AND c.relname = 'users' AND c.relkind in
('r', 'v', 'm', 'f', 'p')
