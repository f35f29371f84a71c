"""Runs all clients against the endpoint of PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE, and prints the table of
docs/postgres.md: those of the project's tests, and those whose packages are too large for every run.
usage: run.py FOLDER [part of a client's name]     FOLDER keeps what is installed: Python environments, packages of Node.js

Debian's packages: libdbd-pg-perl odbc-postgresql ruby-pg php-cli php-pgsql r-cran-rpostgresql postgresql-client
libpostgresql-jdbc-java default-jdk-headless nodejs npm; and postgresql for postgres_fdw, whose server FDW_URL names."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
SCRIPTS = HERE.parent


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)


def environment(folder, requirements):
    """A Python with these packages."""
    place = folder / requirements.stem
    if not (place / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([place / "bin/pip", "install", "--quiet", "-r", requirements], check=True)
    return place / "bin"


def packages(folder):
    """A folder with the scripts and packages of Node.js."""
    place = folder / "node"
    place.mkdir(exist_ok=True)
    for script in [*SCRIPTS.glob("*.mjs"), SCRIPTS / "package.json", SCRIPTS / "package-lock.json"]:
        shutil.copy(script, place)
    if not (place / "node_modules").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel", "error"], cwd=place, check=True)
    return place


def of_requirements(*names):
    """The versions of packages that the tests pin."""
    texts = [file.read_text(encoding="utf-8") for file in [SCRIPTS / "requirements.txt", *HERE.glob("requirements-*.txt")]]
    found = [re.search(rf"^{re.escape(name)}(?:\[.*\])?==(\S+)", "\n".join(texts), re.MULTILINE) for name in names]
    return ", ".join(match[1] for match in found if match)


def of_node(place, name):
    text = (place / "node_modules" / name / "package.json").read_text(encoding="utf-8")
    return re.search(r'"version":\s*"([^"]+)"', text)[1]


def commands_of(command, place):
    """The commands of psql's script, one a line: it prints no checks, but an error ends it."""
    if "ON_ERROR_STOP=1" not in command:
        return 0
    lines = (place / command[-1]).read_text(encoding="utf-8").splitlines()
    return sum(not line.startswith("--") for line in lines)


def clients(folder):
    """Name, version or None where the program tells it, command, folder."""
    python = environment(folder, SCRIPTS / "requirements.txt")
    for name, script, versions in [
        ("psycopg 3", "psycopg_client.py", ["psycopg"]),
        ("SQLAlchemy (psycopg, psycopg2)", "sqlalchemy_client.py", ["SQLAlchemy"]),
        ("asyncpg", "asyncpg_client.py", ["asyncpg"]),
        ("COPY of psycopg 3 and 2, asyncpg", "copy_client.py", ["psycopg", "psycopg2-binary", "asyncpg"]),
        ("ADBC", "adbc_client.py", ["adbc-driver-postgresql"]),
        ("connectorx, polars", "frames_client.py", ["connectorx", "polars"]),
        ("DuckDB's scanner", "duckdb_client.py", ["duckdb"]),
        ("ibis", "ibis_client.py", ["ibis-framework"]),
        ("questions of psql, JDBC, pgAdmin, Metabase, …", "introspection.py", []),
    ]:
        yield name, of_requirements(*versions), [python / "python", script], SCRIPTS
    node = packages(folder)
    for name, package, script in [
        ("node-postgres", "pg", "node_client.mjs"),
        ("knex", "knex", "node_knex.mjs"),
        ("TypeORM", "typeorm", "node_typeorm.mjs"),
        ("Sequelize", "sequelize", "node_sequelize.mjs"),
        ("Kysely", "kysely", "node_kysely.mjs"),
        ("Drizzle", "drizzle-orm", "node_drizzle.mjs"),
        ("Slonik", "slonik", "node_slonik.mjs"),
    ]:
        yield name, of_node(node, package), ["node", script], node
    gx = environment(folder, HERE / "requirements-gx.txt")
    dbt = environment(folder, HERE / "requirements-dbt.txt")
    yield "Great Expectations", None, [gx / "python", "great_expectations_client.py"], HERE
    yield "psqlODBC", None, [gx / "python", "odbc.py"], HERE
    yield "dbt", None, ["./dbt.sh", dbt], HERE
    yield "soda", None, ["./soda.sh", dbt], HERE
    yield "DBD::Pg", None, ["perl", "dbd_pg.pl"], HERE
    yield "ruby-pg", None, ["ruby", "ruby_pg.rb"], HERE
    yield "PDO", None, ["php", "pdo.php"], HERE
    yield "RPostgreSQL", None, ["Rscript", "rpostgresql.R"], HERE
    jdbc = "/usr/share/java/postgresql.jar"
    yield "pgJDBC", pathlib.Path(jdbc).resolve().stem.removeprefix("postgresql-"), ["java", "-cp", jdbc, "Metadata.java"], SCRIPTS
    yield "psql", run(["psql", "--version"]).stdout.split()[2], ["psql", "-X", "-v", "ON_ERROR_STOP=1", "-f", "psql_client.sql"], SCRIPTS
    if "FDW_URL" in os.environ:
        given = [f"--set={name}={os.environ['PG' + name.upper()]}" for name in ("host", "port", "user", "password")]
        yield "postgres_fdw", None, ["psql", "-XAtq", os.environ["FDW_URL"], *given, "-f", "fdw.sql"], HERE


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[2].lower() if len(sys.argv) > 2 else ""
    print("| client | version | checks | works |\n|---|---|---|---|")
    failed = 0
    for name, version, command, place in clients(folder):
        if wanted not in name.lower():
            continue
        output = run(command, cwd=place, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        lines = output.stdout.splitlines()
        told = next((line.removeprefix("version ").strip() for line in lines if line.startswith("version ")), "")
        passed = sum(line.startswith("ok ") for line in lines)
        wrong = [line for line in lines if line.startswith("FAILED")]
        is_right = output.returncode == 0 and not wrong
        failed += not is_right
        if is_right and not passed:
            passed = commands_of(command, place)
        works = "yes" if is_right else "; ".join(line[:150] for line in wrong) or f"ended with {output.returncode}: {lines[-1:]}"
        print(f"| {name} | {version or told} | {passed or ''} | {works} |", flush=True)
    sys.exit(1 if failed else 0)


main()
