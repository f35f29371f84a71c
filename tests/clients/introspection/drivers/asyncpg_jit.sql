-- asyncpg 0.32, before it asks for types (asyncpg/connection.py)
SELECT
    current_setting('jit') AS cur,
    set_config('jit', 'off', false) AS new
