-- Superset, databases (superset/db_engine_specs/postgres.py)
SELECT datname FROM pg_database
WHERE datistemplate = false;
