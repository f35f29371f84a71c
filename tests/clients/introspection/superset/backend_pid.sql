-- Superset, to cancel later (superset/db_engine_specs/postgres.py)
SELECT pg_backend_pid()
