-- SQLAlchemy 1.4, as Superset uses it, connect (lib/sqlalchemy/dialects/postgresql/base.py)
show transaction isolation level
