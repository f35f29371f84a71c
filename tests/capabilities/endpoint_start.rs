//! How the PostgreSQL endpoint starts: a users file is enough, and no other login is accepted then.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pragati::config::Config;
use pragati::identity::Login;
use pragati::postgres::ScramSecret;
use pragati::server::Service;
use predicates::str::contains;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use crate::certificate::certificate_in;
use crate::node::has;
use crate::running_endpoint::{EndpointSetup, PASSWORD};
use crate::support::{TestExports, pragati, skipped};

const ALL: &str = "all_tenants = true\npersonal = true";

fn users_file(folder: &Path) -> PathBuf {
    let file = folder.join("users.toml");
    let secret = ScramSecret::of_password(PASSWORD);
    fs::write(&file, format!("[users.asha]\npassword = \"{secret}\"\n{ALL}\n")).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("private");
    file
}

#[test]
fn a_users_file_alone_starts_the_service() {
    let exports = TestExports::small();
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = Config {
        exports: Some(exports.path().display().to_string()),
        ..Config::default()
    };
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    config.serve.listen = free;
    config.serve.data = folder.path().join("data");
    config.serve.shutdown_seconds = 2;
    config.postgres.listen = Some(free);
    config.postgres.users = Some(users_file(folder.path()));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let service = Service::open(&config, Login::Tokens).await.expect("a service");
        let (url, address) = (service.url(), service.postgres_address().expect("an endpoint"));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(service.run(async {
            let _ = stopped.await;
        }));
        let options = |user: &str, password: &str| {
            PgConnectOptions::new_without_pgpass()
                .host("127.0.0.1")
                .port(address.port())
                .username(user)
                .password(password)
                .database("pragati")
        };
        let mut asha = PgConnection::connect_with(&options("asha", PASSWORD))
            .await
            .expect("asha logs in");
        let count: i64 = sqlx::query_scalar("select count(*) from users")
            .fetch_one(&mut asha)
            .await
            .expect("a count");
        assert_eq!(count, 2);
        for (user, password) in [("asha", "other"), ("nobody", PASSWORD), ("nobody", "dev:asha")] {
            let refused = PgConnection::connect_with(&options(user, password))
                .await
                .expect_err("refused");
            let code = refused
                .as_database_error()
                .and_then(|error| error.code().map(|code| code.into_owned()));
            assert_eq!(code.as_deref(), Some("28P01"), "{user}");
        }
        // Nobody is an admin of the pages and the API.
        for token in ["dev:asha,,pragati-admin", "a.b.c"] {
            let asked = reqwest::Client::new()
                .get(format!("{url}/api/v1/download-ratio"))
                .bearer_auth(token);
            assert_eq!(asked.send().await.expect("an answer").status(), 401, "{token}");
        }
        let _ = stop.send(());
        running.await.expect("it ends").expect("in order");
    });
}

#[test]
fn dev_auth_beside_a_users_file_is_refused() {
    let exports = TestExports::small();
    let folder = tempfile::tempdir().expect("a folder");
    let users = users_file(folder.path());
    pragati()
        .args([
            "serve",
            "--dev-auth",
            "--listen",
            "127.0.0.1:0",
            "--postgres",
            "127.0.0.1:0",
            "--exports",
        ])
        .arg(exports.path())
        .arg("--data")
        .arg(folder.path().join("data"))
        .env("PRAGATI_POSTGRES__USERS", &users)
        .assert()
        .code(2)
        .stderr(contains("--dev-auth lets everybody in without a password"));
}

#[test]
fn a_login_can_be_bound_to_the_certificate() {
    if !has("psql", &["--version"]) {
        skipped("this test needs psql; install postgresql-client");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = certificate_in(folder.path());
    let mut with_tls = EndpointSetup::over(TestExports::small()).user("asha", ALL);
    with_tls.config.postgres.tls_certificate = Some(certificate);
    with_tls.config.postgres.tls_key = Some(key);
    let (private, open) = (
        with_tls.start(),
        EndpointSetup::over(TestExports::small()).user("asha", ALL).start(),
    );
    let asked = |port: u16, tls: &str, binding: &str, password: &str| {
        let output = Command::new("psql")
            .args([
                "-XAt",
                "-h",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-U",
                "asha",
                "pragati",
                "-c",
                "select 7",
            ])
            .env("PGPASSWORD", password)
            .env("PGSSLMODE", tls)
            .env("PGCHANNELBINDING", binding)
            .output()
            .expect("psql");
        (
            output.stdout == b"7\n",
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let port = private.address.port();
    for binding in ["require", "prefer", "disable"] {
        let (is_answered, told) = asked(port, "require", binding, PASSWORD);
        assert!(is_answered, "{binding}: {told}");
        let (is_answered, _) = asked(port, "require", binding, "other");
        assert!(!is_answered, "{binding}");
    }
    let (is_answered, told) = asked(open.address.port(), "disable", "require", PASSWORD);
    assert!(!is_answered && told.contains("channel binding"), "{told}");
}
