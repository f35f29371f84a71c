//! A PostgreSQL server for the tests of a shared database, from the programs of Debian's package.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{free_port, skipped};

/// Debian's folder of PostgreSQL versions.
const VERSIONS: &str = "/usr/lib/postgresql";
const USER: &str = "pragati";
/// What no message may show.
pub const PASSWORD: &str = "s3cret-of-tests";

/// A server with an empty database on a port of its own; it ends with this value.
pub struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// `None`, after a message SKIPPED, where the server's programs are not installed.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            skipped(&format!(
                "this test needs a PostgreSQL server's programs below {VERSIONS}; install postgresql"
            ));
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let server = Self { programs, folder, port };
        server.prepare();
        Some(server)
    }

    fn prepare(&self) {
        let password = self.folder.path().join("password");
        let mut file = fs::File::create(&password).expect("a file");
        writeln!(file, "{PASSWORD}").expect("written");
        // The server refuses to run as root.
        if is_root() {
            let owned = Command::new("chown")
                .args(["-R", "postgres:"])
                .arg(self.folder.path())
                .status();
            assert!(
                owned.is_ok_and(|status| status.success()),
                "the folder is given to user postgres"
            );
        }
        self.run("initdb", |command| {
            let password = format!("--pwfile={}", password.display());
            command.args([
                "--username",
                USER,
                "--auth",
                "scram-sha-256",
                "--encoding",
                "UTF8",
                "--no-sync",
                &password,
            ]);
            command.arg("--pgdata").arg(self.data());
        });
        self.control("start");
    }

    /// `pg_ctl`, waiting for the end of what it does.
    pub fn control(&self, action: &str) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=200",
            self.port
        );
        self.run("pg_ctl", |command| {
            command.args([action, "--wait", "--silent", "--mode", "immediate"]);
            command.arg("--pgdata").arg(self.data());
            command.arg("--log").arg(self.folder.path().join("log"));
            if action != "stop" {
                command.args(["--options", &options]);
            }
        });
    }

    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command)) {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(&program);
            command
        } else {
            Command::new(&program)
        };
        arguments(&mut command);
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.status().expect("the program runs");
        assert!(status.success(), "{}", program.display());
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }

    /// What `psql` prints for some statements, without heads and frames.
    pub fn psql(&self, statements: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"))
            .arg(self.url())
            .args([
                "--no-psqlrc",
                "--quiet",
                "--no-align",
                "--tuples-only",
                "--set",
                "ON_ERROR_STOP=1",
                "--file",
                "-",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql");
        let mut input = psql.stdin.take().expect("its input");
        input.write_all(statements.as_bytes()).expect("written");
        drop(input);
        let output = psql.wait_with_output().expect("an answer");
        assert!(output.status.success(), "{statements}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.control("stop");
    }
}

/// The programs of the newest version.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(Path::new(VERSIONS)).ok()?.flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let number = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .filter(|(_, programs)| programs.join("initdb").is_file() && programs.join("pg_ctl").is_file())
        .collect();
    found.sort();
    found.pop().map(|(_, programs)| programs)
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}
