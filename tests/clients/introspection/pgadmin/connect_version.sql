-- pgAdmin 9.18, connect version (web/pgadmin/utils/driver/psycopg3/connection.py)
SELECT version()
