//! Real clients of PostgreSQL against the endpoint, with the scripts of `tests/clients`: what they ask by themselves when
//! they connect and look around, and what people do with them.

use std::path::Path;
use std::process::Command;

use crate::documents::blocks;
use crate::node::packages;
use crate::python::python_for;
use crate::running_endpoint::{EndpointSetup, PASSWORD, RunningEndpoint};
use crate::support::{TestExports, skipped, usually};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
const JDBC: &str = "/usr/share/java/postgresql.jar";
const USER: &str = "analyst";

/// The endpoint over the sample data, which the scripts know.
fn endpoint() -> RunningEndpoint {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/sample_data");
    let mut setup = EndpointSetup::over(TestExports::empty()).user(USER, "all_tenants = true\npersonal = true");
    setup.config.exports = Some(sample.to_owned());
    setup.start()
}

/// Runs a client's program, all of whose checks must pass.
fn passes(program: &Path, arguments: &[&str], folder: &Path) {
    let endpoint = endpoint();
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", endpoint.address.port().to_string())
        .env("PGUSER", USER)
        .env("PGPASSWORD", PASSWORD)
        .env("PGDATABASE", "pragati")
        .env("ROWS", usually("300000", "3000000"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    let failed: Vec<&str> = told.lines().filter(|line| line.starts_with("FAILED")).collect();
    assert!(output.status.success(), "{failed:#?}\n{complaint}");
}

fn python_passes(script: &str) {
    if let Some(python) = python_for(
        "clients",
        "psycopg, psycopg2, sqlalchemy, asyncpg, adbc_driver_postgresql, connectorx, polars, duckdb, ibis",
    ) {
        passes(&python, &[script], Path::new(SCRIPTS));
    }
}

#[test]
fn psycopg_asks_and_binds_every_type() {
    python_passes("psycopg_client.py");
}

#[test]
fn psycopg_reads_through_cursors_and_streams() {
    python_passes("psycopg_cursors.py");
}

#[test]
fn psycopg_sees_errors_and_cancels() {
    python_passes("psycopg_errors.py");
}

#[test]
fn psycopg_has_sessions_of_its_own() {
    python_passes("psycopg_sessions.py");
}

#[test]
fn sqlalchemy_reflects_and_asks() {
    python_passes("sqlalchemy_client.py");
}

#[test]
fn asyncpg_reads_binary_values() {
    python_passes("asyncpg_client.py");
}

#[test]
fn adbc_reads_tables_of_arrow() {
    python_passes("adbc_client.py");
}

#[test]
fn drivers_copy_tables_and_queries() {
    python_passes("copy_client.py");
}

#[test]
fn connectorx_and_polars_read_frames() {
    python_passes("frames_client.py");
}

#[test]
fn duckdb_scans_tables_and_views() {
    python_passes("duckdb_client.py");
}

#[test]
fn ibis_groups_and_joins() {
    python_passes("ibis_client.py");
}

#[test]
fn catalog_queries_of_tools_are_answered() {
    python_passes("introspection.py");
}

#[test]
fn statements_that_write_or_read_files_are_refused() {
    python_passes("refused.py");
}

fn node_passes(script: &str) {
    if let Some(folder) = packages("clients") {
        passes(Path::new("node"), &[script], &folder);
    }
}

#[test]
fn node_postgres_asks_and_streams() {
    node_passes("node_client.mjs");
}

#[test]
fn knex_builds_queries() {
    node_passes("node_knex.mjs");
}

#[test]
fn typeorm_reads_repositories() {
    node_passes("node_typeorm.mjs");
}

#[test]
fn sequelize_reads_models() {
    node_passes("node_sequelize.mjs");
}

#[test]
fn kysely_reads_and_introspects() {
    node_passes("node_kysely.mjs");
}

#[test]
fn drizzle_reads_and_binds() {
    node_passes("node_drizzle.mjs");
}

#[test]
fn slonik_binds_lists() {
    node_passes("node_slonik.mjs");
}

#[test]
fn jdbc_reads_what_dbeaver_and_metabase_read() {
    if !Path::new(JDBC).exists() {
        skipped("this test needs libpostgresql-jdbc-java and a JDK");
        return;
    }
    passes(Path::new("java"), &["-cp", JDBC, "Metadata.java"], Path::new(SCRIPTS));
}

fn has_psql() -> bool {
    let has = Command::new("psql").arg("--version").output().is_ok();
    if !has {
        skipped("this test needs psql; install postgresql-client");
    }
    has
}

#[test]
fn psql_describes_and_asks() {
    if !has_psql() {
        return;
    }
    let arguments = ["-X", "-v", "ON_ERROR_STOP=1", "-f", "psql_client.sql"];
    passes(Path::new("psql"), &arguments, Path::new(SCRIPTS));
}

#[test]
fn psql_prints_what_the_documents_show() {
    if !has_psql() {
        return;
    }
    let endpoint = endpoint();
    let mut asked = 0;
    for page in ["README.md", "docs/postgres.md"] {
        let all = blocks(page).into_iter().flatten();
        for shown in all.filter(|shown| shown.command.starts_with("psql ")) {
            let port = format!("-p {}", endpoint.address.port());
            let command = shown.command.replace("-p 5433", &port);
            let output = Command::new("bash")
                .args(["-c", &command.replace("-U me", &format!("-U {USER}"))])
                .env("PGPASSWORD", PASSWORD)
                .env("PSQLRC", "/dev/null")
                .output()
                .expect("a shell");
            let [printed, said] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8"));
            assert!(output.status.success(), "{page}: {command}\n{said}");
            if !shown.lines.is_empty() {
                assert_eq!(
                    printed.trim_end(),
                    shown.lines.join("\n").trim_end(),
                    "{page}: {command}"
                );
            }
            asked += 1;
        }
    }
    assert_eq!(asked, 3);
}
