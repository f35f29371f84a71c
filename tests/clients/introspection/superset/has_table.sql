-- SQLAlchemy 1.4, as Superset uses it, has_table (lib/sqlalchemy/dialects/postgresql/base.py)
select relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where n.nspname='public' and relname='users'
