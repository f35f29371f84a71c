-- pgAdmin 9.18, connect settings (web/pgadmin/utils/driver/psycopg3/connection.py)
SET DateStyle=ISO; SET client_min_messages=notice; SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding='UNICODE';
