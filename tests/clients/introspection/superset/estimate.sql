-- Superset, cost of a query (superset/db_engine_specs/postgres.py)
EXPLAIN select count(*) from users
