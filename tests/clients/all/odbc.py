"""psqlODBC through pyodbc: rows, parameters, the catalogue, rows in parts."""
import glob
import os
import sys

import pyodbc

env = os.environ
[driver] = glob.glob("/usr/lib/*/odbc/psqlodbcw.so")
base = f"Driver={driver};Servername={env['PGHOST']};Port={env['PGPORT']};Database={env['PGDATABASE']};Uid={env['PGUSER']};Pwd={env['PGPASSWORD']};"
failed = 0
for name, options in {"defaults": "", "in parts": "UseDeclareFetch=1;Fetch=100;", "on the server": "UseServerSidePrepare=0;"}.items():
    try:
        cursor = pyodbc.connect(base + options, autocommit=True).cursor()
        assert len(cursor.execute("select * from enrolments").fetchall()) == 1500, "rows"
        assert cursor.execute("select count(*) from users where tenant_id <> ?", "none").fetchval() == 300, "parameters"
        assert any(row.table_name == "users" for row in cursor.tables()), "tables"
        assert [row.column_name for row in cursor.columns("users")][0] == "user_id", "columns"
        print(f"ok {name}")
    except Exception as error:  # noqa: BLE001
        failed += 1
        print(f"FAILED {name}: {' '.join(str(error).split())[:300]}")
print(f"version pyodbc {pyodbc.version}, psqlODBC {pyodbc.connect(base).getinfo(pyodbc.SQL_DRIVER_VER)}")
sys.exit(1 if failed else 0)
