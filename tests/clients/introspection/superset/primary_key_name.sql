-- SQLAlchemy 1.4, as Superset uses it, get_pk_constraint (lib/sqlalchemy/dialects/postgresql/base.py)
SELECT conname
   FROM  pg_catalog.pg_constraint r
   WHERE r.conrelid = :users_oid AND r.contype = 'p'
   ORDER BY 1
