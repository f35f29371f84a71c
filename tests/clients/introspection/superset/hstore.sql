-- SQLAlchemy 1.4, as Superset uses it, connect (lib/sqlalchemy/dialects/postgresql/psycopg2.py)
SELECT t.oid, typarray
FROM pg_type t JOIN pg_namespace ns
    ON typnamespace = ns.oid
WHERE typname = 'hstore';
