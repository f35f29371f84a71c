-- SQLAlchemy 1.4, as Superset uses it, get_schema_names (lib/sqlalchemy/dialects/postgresql/base.py)
SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_%' ORDER BY nspname
