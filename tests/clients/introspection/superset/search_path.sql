-- Superset, before each query of a schema (superset/db_engine_specs/postgres.py)
set search_path = "public"
