//! What the command offers around its work: completions, manual pages, the configuration shown and checked,
//! the log as JSON lines, and what was built.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::running_process::Running;
use crate::support::{TestExports, complaint_of, pragati};

/// What the command prints; it must succeed.
fn printed(arguments: &[&str]) -> String {
    let output = pragati().args(arguments).output().expect("a run");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The subcommands that the help lists.
fn subcommands() -> Vec<String> {
    let help = printed(&["--help"]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.map_while(|line| line.split_whitespace().next().map(str::to_owned));
    let names: Vec<String> = names.filter(|name| name != "help").collect();
    assert!(names.len() > 10, "{help}");
    names
}

mod completions {
    use super::*;

    #[test]
    fn name_every_command_in_every_shell() {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = printed(&["completions", shell]);
            for command in subcommands() {
                assert!(script.contains(&command), "{shell}: {command}");
            }
            assert!(script.contains("log-format"), "{shell}");
        }
    }

    #[test]
    fn a_closed_pipe_is_not_an_error() {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("pragati"))
            .args(["completions", "bash"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a run");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("its end");
        assert!(ended.status.success(), "{ended:?}");
        assert!(ended.stderr.is_empty(), "{ended:?}");
    }
}

mod man {
    use super::*;

    #[test]
    fn pages_of_all_commands_are_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("man1");
        printed(&["man", "--out", out.to_str().expect("UTF-8")]);
        let page = |name: &str| fs::read_to_string(out.join(format!("{name}.1"))).expect(name);
        for command in subcommands() {
            let text = page(&format!("pragati-{command}"));
            assert!(text.contains(".SH NAME"), "{text}");
            assert!(text.contains(".SH EXAMPLES"), "{command}: {text}");
        }
        for nested in ["pragati-config-check", "pragati-requests-list"] {
            assert!(page(nested).contains(".SH OPTIONS"), "{nested}");
        }
        assert_eq!(printed(&["man"]), page("pragati"));
        assert_eq!(printed(&["man", "report"]), page("pragati-report"));
        assert_eq!(printed(&["man", "config", "check"]), page("pragati-config-check"));
    }

    #[test]
    fn an_unknown_command_is_named() {
        let complaint = complaint_of(pragati().args(["man", "reprot"]), 2);
        assert!(
            complaint.contains("no command reprot") && complaint.contains("nightly"),
            "{complaint}"
        );
    }
}

mod configuration {
    use super::*;

    #[test]
    fn is_shown_without_secrets_and_read_as_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pragati.toml");
        let settings = "timezone = 'Asia/Dhaka'\nmemory_limit = '2GB'\n[mail]\npassword = 'geheim in a file'\n";
        fs::write(&file, settings).expect("a file");
        let mut show = pragati();
        show.current_dir(folder.path())
            .env("PRAGATI_MAIL__ZIP_PASSWORD", "geheim in the environment")
            .env("PRAGATI_DATABASE__URL", "postgres://asha:geheim@db/pragati")
            .args(["config", "show", "--exports", "s3://bucket/exports"]);
        let output = show.output().expect("a run");
        let shown = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(!shown.contains("geheim"), "{shown}");
        assert_eq!(shown.matches("\"***\"").count(), 3, "{shown}");
        for line in [
            "exports = \"s3://bucket/exports\"",
            "timezone = \"Asia/Dhaka\"",
            "memory_limit = 2000000000",
            "[serve]",
            "deadline_minutes = 30",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
        }
        fs::write(&file, &shown).expect("a file");
        let again = pragati()
            .current_dir(folder.path())
            .args(["config", "show"])
            .output()
            .expect("a run");
        assert_eq!(String::from_utf8(again.stdout).expect("UTF-8"), shown);
    }

    #[test]
    fn urls_are_shown_without_what_may_be_a_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("settings.toml");
        let settings = "exports = 'https://account.blob.core.windows.net/exports?sv=2024-11-04&sig=geheim'\n\
                        [identity]\njwks = 'https://geheim@sso.example.org/certs?token=geheim'\n\
                        [mail]\nserver = 'asha:geheim@mail.example.org'\n";
        fs::write(&file, settings).expect("a file");
        let shown = printed(&["config", "show", "--config", file.to_str().expect("UTF-8")]);
        assert!(!shown.contains("geheim"), "{shown}");
        for line in [
            "exports = \"https://account.blob.core.windows.net/exports?***\"",
            "jwks = \"https://***@sso.example.org/certs?***\"",
            "server = \"asha:***@mail.example.org\"",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
        }
        for settings in [
            "exports = 'ftp://asha:geheim@host/exports?sig=geheim'",
            "[cluster]\nscheduler = 'df://geheim@scheduler?token=geheim'",
            "[mail]\nserver = 'asha:geheim@mail.example.org'\nfrom = 'reports@example.org'",
        ] {
            fs::write(&file, settings).expect("a file");
            let mut check = pragati();
            check.args(["config", "check", "--config"]).arg(&file);
            let complaint = complaint_of(&mut check, 1);
            assert!(!complaint.contains("geheim"), "{complaint}");
        }
    }

    #[test]
    fn of_the_project_is_sound() {
        let mut check = pragati();
        check.current_dir(env!("CARGO_MANIFEST_DIR")).args(["config", "check"]);
        check.assert().success().stdout("pragati.toml: sound\n");
    }

    #[test]
    fn an_unknown_setting_is_named_where_it_was_given_with_the_nearest_known_one() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("pragati.toml"), "[serve]\nworkrs = 3\n").expect("a file");
        let mut check = pragati();
        check.current_dir(folder.path()).args(["config", "check"]);
        assert_eq!(
            complaint_of(&mut check, 1),
            "error: configuration: pragati.toml: serve.workrs is no setting; did you mean serve.workers?\n"
        );
        fs::remove_file(folder.path().join("pragati.toml")).expect("removed");
        check.env("PRAGATI_SERVE__WORKRS", "3");
        assert_eq!(
            complaint_of(&mut check, 1),
            "error: configuration: PRAGATI_SERVE__WORKRS is no setting; did you mean PRAGATI_SERVE__WORKERS?\n"
        );
    }

    #[test]
    fn a_mistake_is_one_line_that_names_the_setting() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("settings.toml");
        for (settings, named) in [
            ("exprots = 'x'", "exprots"),
            ("exports = '/no/such/exports'", "/no/such/exports"),
            ("queries = '/no/such/queries'", "queries names /no/such/queries"),
            ("staging = 'sunbrid'", "'sunbrid'"),
            ("staging = 'sunbird'\n[staging_settings]\npercnt = 'down'", "'percnt'"),
            (
                "staging = 'sunbird'\n[staging_settings]\npercent = 'sideways'",
                "staging_settings.percent",
            ),
            ("[tables.userz]\npath = 'x'", "tables.userz"),
            ("[tables.users]\nsql = 'staging/mine/users.sql'", "staging/mine/users"),
            ("[serve]\nworkers = 0", "serve.workers"),
            ("[serve]\npublic_url = 'reports.example.org'", "serve.public_url"),
            (
                "[serve]\ntls_key = '/no/such/key.pem'",
                "serve.tls_key names /no/such/key.pem",
            ),
            ("[postgres]\nlisten = '0.0.0.0:5433'", "postgres.listen"),
            ("[database]\nurl = 'postgres://db/pragati'", "serve.files"),
            ("[identity]\njwks = 'https://sso.example.org/certs'", "identity.issuer"),
            ("[identity]\nclients = ['portal']", "identity.jwks is not set"),
            ("[identity]\nleeway_seconds = 60", "identity.jwks is not set"),
            (
                "[identity]\nca_file = '/no/such/ca.pem'",
                "identity.ca_file names /no/such/ca.pem",
            ),
            (
                "[mail]\ntemplates = '/no/such/mails'",
                "mail.templates names /no/such/mails",
            ),
            (
                "[mail]\nca_file = '/no/such/ca.pem'",
                "mail.ca_file names /no/such/ca.pem",
            ),
            ("[mail]\nserver = 'smtp://mail.example.org'", "mail.from"),
            ("[cluster]\nscheduler = 'nowhere'", "--cluster"),
        ] {
            fs::write(&file, settings).expect("a file");
            let mut check = pragati();
            check.args(["config", "check", "--config"]).arg(&file);
            let complaint = complaint_of(&mut check, 1);
            assert!(complaint.contains(named), "{settings}: {complaint}");
        }
    }
}

mod log {
    use super::*;

    /// The lines of a log, each of which must be JSON.
    fn lines(text: &str) -> Vec<Value> {
        let lines = text.lines();
        lines.map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    #[test]
    fn lines_are_json_with_one_run() {
        let exports = TestExports::small();
        let out = tempfile::tempdir().expect("a folder");
        let out = out.path().to_str().expect("UTF-8");
        let arguments = ["--out", out, "--verbose", "--log-format", "json"];
        let (_, text) = exports.output_and_talk("nightly", &arguments);
        let lines = lines(&text);
        let runs: BTreeSet<&str> = lines.iter().map(|line| line["run"].as_str().expect("a run")).collect();
        assert_eq!(runs.len(), 1, "{text}");
        for line in &lines {
            assert!(line["time"].as_str().expect("a time").ends_with('Z'), "{line}");
            assert!(
                ["INFO", "WARN"].contains(&line["level"].as_str().expect("a level")),
                "{line}"
            );
        }
        let said = lines.iter().map(|line| line["message"].as_str().expect("a message"));
        let said: Vec<&str> = said.collect();
        assert!(
            said.iter().any(|words| words.starts_with("opened the snapshot")),
            "{text}"
        );
        assert!(said.last().expect("a line").contains(" reports with "), "{text}");
    }

    #[test]
    fn a_failure_is_logged_as_a_json_line() {
        let mut failing = pragati();
        failing
            .env("PRAGATI_LOG_FORMAT", "json")
            .args(["check", "--exports", "/no/such/exports"]);
        let output = failing.output().expect("a run");
        let lines = lines(&String::from_utf8(output.stderr).expect("UTF-8"));
        let last = lines.last().expect("a line");
        assert_eq!(last["level"], "ERROR");
        let message = last["message"].as_str().expect("a message");
        assert!(message.starts_with("folder /no/such/exports"), "{message}");
    }

    #[test]
    fn a_line_about_a_request_has_the_id_of_its_answer() {
        let exports = TestExports::small();
        let data = tempfile::tempdir().expect("a folder");
        let mut service = Command::new(assert_cmd::cargo::cargo_bin("pragati"));
        service
            .args(["serve", "--dev-auth", "--verbose", "--log-format", "json"])
            .args(["--listen", "127.0.0.1:0", "--exports"])
            .arg(exports.path())
            .arg("--data")
            .arg(data.path())
            .current_dir(data.path())
            .stderr(Stdio::piped());
        let mut running = Running(service.spawn().expect("the service"));
        let words = BufReader::new(running.0.stderr.take().expect("its words"));
        let mut lines = words.lines().map(|line| {
            let line = line.expect("a line");
            serde_json::from_str::<Value>(&line).expect("JSON")
        });
        let url = lines.find_map(|line| {
            let message = line["message"].as_str().expect("a message");
            message.strip_prefix("listening on ").map(str::to_owned)
        });
        let url = url.expect("an address");
        let runtime = Runtime::new().expect("a runtime");
        let answer = runtime
            .block_on(reqwest::get(format!("{url}/healthz")))
            .expect("an answer");
        let id = answer.headers()["x-request-id"].to_str().expect("an id").to_owned();
        let line = lines.find(|line| line["request"] == id.as_str()).expect("its line");
        assert!(
            line["message"]
                .as_str()
                .expect("a message")
                .contains("GET /healthz 200"),
            "{line}"
        );
        assert!(line["run"].is_string(), "{line}");
    }
}

mod version {
    use super::*;

    #[test]
    fn names_the_versions_the_commit_and_the_features() {
        let text = printed(&["--version"]);
        let lines: Vec<&str> = text.lines().collect();
        let starts = [
            "pragati ",
            "commit: ",
            "DataFusion: ",
            "Arrow: ",
            "features: ",
            "time zones: 20",
        ];
        assert_eq!(lines.len(), starts.len(), "{text}");
        for (line, start) in lines.iter().zip(starts) {
            assert!(line.starts_with(start) && line.len() > start.len(), "{text}");
        }
        assert_eq!(lines[4].contains("cluster"), cfg!(feature = "cluster"), "{text}");
        assert_eq!(lines[4].contains("delta"), cfg!(feature = "delta"), "{text}");
        assert_eq!(printed(&["-V"]), format!("pragati {}\n", env!("CARGO_PKG_VERSION")));
    }
}
