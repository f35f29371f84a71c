-- SQLAlchemy 1.4, as Superset uses it, get_table_names (lib/sqlalchemy/dialects/postgresql/base.py)
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind in ('r', 'p')
