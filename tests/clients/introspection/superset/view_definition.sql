-- SQLAlchemy 1.4, as Superset uses it, get_view_definition (lib/sqlalchemy/dialects/postgresql/base.py)
SELECT pg_get_viewdef(c.oid) view_def FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relname = 'download_ratio_by_course' AND c.relkind IN ('v', 'm')
