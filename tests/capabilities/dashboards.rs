//! Figures for monitoring: the gauges of the download ratio, and the rules and dashboards that are made of them.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::figures::{clicked, json_rows};
use crate::postgres::Postgres;
use crate::prometheus::Prometheus;
use crate::running_service::{RunningService, Setup};
use crate::support::skipped;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboards");

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(FOLDER).join(name)).expect("a file")
}

fn metrics(service: &RunningService) -> String {
    String::from_utf8(service.get("", "/metrics").body).expect("UTF-8")
}

/// The gauges of the ratio, in order.
fn gauges(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("download_ratio_") && !line.starts_with('#'))
        .collect();
    lines.sort_unstable();
    lines
}

/// Runs promtool; `None`, after a message SKIPPED, where it is not installed.
fn promtool(arguments: &[&str], input: &str) -> Option<String> {
    let started = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut running) = started else {
        skipped("this test needs promtool; install prometheus");
        return None;
    };
    running
        .stdin
        .take()
        .expect("its input")
        .write_all(input.as_bytes())
        .expect("written");
    let output = running.wait_with_output().expect("an answer");
    let words = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{words}");
    Some(words)
}

#[test]
fn gauges_are_numerators_and_denominators_of_the_command_s_rows() {
    let exports = clicked();
    let windows = ["all", "1d", "7d", "30d"];
    let printed: Vec<Value> = windows
        .iter()
        .flat_map(|window| json_rows(&exports, &["--window", window]))
        .collect();
    let service = Setup::over(exports).start();
    let text = metrics(&service);
    let mut expected = vec!["pragati_download_ratio_as_of_timestamp_seconds 1795285800".to_owned()];
    for row in &printed {
        let (prefix, tenant) = match row["level"].as_str().expect("a level") {
            "all" => ("pragati_download_ratio", None),
            "tenant" => (
                "pragati_tenant_download_ratio",
                Some(row["tenant_id"].as_str().unwrap_or_default()),
            ),
            _ => continue,
        };
        let window = row["time_window"].as_str().expect("a window");
        let tenant = tenant.map(|tenant| format!("tenant_id=\"{tenant}\""));
        let mut line = |name: &str, value: &Value, window: Option<String>| {
            let labels: Vec<String> = tenant.clone().into_iter().chain(window).collect();
            let labels = if labels.is_empty() {
                String::new()
            } else {
                format!("{{{}}}", labels.join(","))
            };
            if !value.is_null() {
                expected.push(format!("{prefix}_{name}{labels} {value}"));
            }
        };
        let of_window = || Some(format!("window=\"{window}\""));
        line("downloads", &row["downloads"], of_window());
        line("downloaded_batches", &row["batches_downloaded"], of_window());
        line("requests", &row["requests"], of_window());
        line("delivered", &row["delivered"], of_window());
        line("sent_by_subscription", &row["sent_by_subscription"], of_window());
        if window == "all" {
            line("batches", &row["batches"], None);
        }
    }
    expected.sort_unstable();
    assert_eq!(gauges(&text), expected);
    assert!(
        !text.contains("b1") && !text.contains("u1"),
        "nothing about batches or people"
    );
    assert_eq!(promtool(&["check", "metrics"], &text).unwrap_or_default(), "");
}

#[test]
fn courses_have_gauges_where_configured_and_only_the_largest() {
    let exports = clicked();
    let mut setup = Setup::over(exports);
    setup.config.ratio.metrics_courses = 1;
    let service = setup.start();
    let text = metrics(&service);
    let courses: BTreeSet<&str> = gauges(&text)
        .into_iter()
        .filter(|line| line.starts_with("pragati_course_"))
        .collect();
    assert!(
        courses.contains("pragati_course_download_ratio_batches{course_id=\"c1\"} 2"),
        "{courses:?}"
    );
    assert!(
        courses.iter().all(|line| line.contains("course_id=\"c1\"")),
        "{courses:?}"
    );
    assert_eq!(promtool(&["check", "metrics"], &text).unwrap_or_default(), "");
}

#[test]
fn a_real_prometheus_answers_with_the_command_s_numbers() {
    let exports = clicked();
    let all = json_rows(&exports, &["--level", "all"]);
    let tenants = json_rows(&exports, &["--level", "tenant"]);
    let service = Setup::over(exports).start();
    let Some(prometheus) = Prometheus::scraping(&service) else {
        return;
    };
    let ask = |query: &str, label: &str| prometheus.values(&service, query, label);
    let number = |row: &Value, name: &str| row[name].as_f64().expect("a number");
    assert_eq!(
        ask(
            "pragati_download_ratio_downloads{window='all'} / on () pragati_download_ratio_batches",
            "window"
        ),
        [(String::new(), number(&all[0], "download_ratio"))]
    );
    // As the recording rules have it.
    assert_eq!(
        ask("pragati:download_ratio:ratio{window='all'}", "window"),
        [("all".to_owned(), number(&all[0], "download_ratio"))]
    );
    for (name, column) in [("ratio", "download_ratio"), ("coverage", "coverage")] {
        let expected: Vec<(String, f64)> = tenants
            .iter()
            .filter(|row| number(row, "batches") > 0.0)
            .map(|row| {
                (
                    row["tenant_id"].as_str().expect("a tenant").to_owned(),
                    number(row, column),
                )
            })
            .collect();
        assert!(expected.len() > 1);
        let recorded = ask(
            &format!("tenant:pragati_download_ratio:{name}{{window='all'}}"),
            "tenant_id",
        );
        assert_eq!(recorded, expected);
    }
}

#[test]
fn rules_are_valid_and_name_figures_that_exist() {
    // Deliveries have gauges where events of them are read.
    let events = tempfile::tempdir().expect("a folder");
    let mut setup = Setup::over(clicked());
    setup.config.events = Some(events.path().display().to_string());
    let service = setup.start();
    let known = known_names(&metrics(&service));
    for name in ["alerts.yml", "recording-rules.yml"] {
        if let Some(words) = promtool(&["check", "rules", &format!("{FOLDER}/{name}")], "") {
            assert!(words.contains("SUCCESS"), "{words}");
        }
        expect_known(name, &file(name), &known);
    }
    expect_known("grafana-prometheus.json", &file("grafana-prometheus.json"), &known);
}

/// The names of all series that the service shows and the rules record.
fn known_names(metrics: &str) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .flat_map(|line| {
            let (name, kind) = line.split_once(' ').expect("a type");
            let parts: &[&str] = if kind == "histogram" {
                &["_bucket", "_sum", "_count"]
            } else {
                &[""]
            };
            parts.iter().map(|part| format!("{name}{part}")).collect::<Vec<_>>()
        })
        .collect();
    let rules = file("recording-rules.yml");
    names.extend(
        rules
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- record: ").map(str::to_owned)),
    );
    names
}

fn expect_known(file: &str, text: &str, known: &BTreeSet<String>) {
    let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let names = text.split(|letter| !is_of_a_name(letter)).filter(|name| {
        (name.starts_with("pragati_") || name.contains("pragati:") || name.contains(":pragati_"))
            && !name.ends_with(':')
    });
    let names: BTreeSet<&str> = names.collect();
    assert!(!names.is_empty(), "{file}");
    for name in names {
        assert!(
            known.contains(name),
            "{file} names {name}, which nothing shows: {known:?}"
        );
    }
}

#[test]
fn dashboards_have_distinct_panels_with_queries() {
    for name in ["grafana-prometheus.json", "grafana-sql.json"] {
        let dashboard: Value = serde_json::from_str(&file(name)).expect("JSON");
        let panels = dashboard["panels"].as_array().expect("panels");
        let ids: BTreeSet<i64> = panels
            .iter()
            .map(|panel| panel["id"].as_i64().expect("an id"))
            .collect();
        assert_eq!(ids.len(), panels.len(), "{name}");
        for panel in panels {
            assert_eq!(
                panel["datasource"]["uid"], "${datasource}",
                "{name}: {}",
                panel["title"]
            );
            assert!(!panel["targets"].as_array().expect("targets").is_empty());
        }
    }
}

/// The SQL of a dashboard, with values for what Grafana fills in.
fn queries_of(dashboard: &Value) -> Vec<String> {
    let mut queries: Vec<&str> = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let targets = panel["targets"].as_array().expect("targets");
        queries.extend(targets.iter().map(|target| target["rawSql"].as_str().expect("SQL")));
    }
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    queries.extend(
        variables
            .iter()
            .filter(|variable| variable["type"] == "query")
            .map(|variable| variable["query"].as_str().expect("SQL")),
    );
    queries
        .into_iter()
        .map(|sql| {
            let sql = sql
                .replace(
                    "$__timeFilter(window_start)",
                    "window_start between '2026-09-01' and '2026-11-30'",
                )
                .replace("${window:sqlstring}", "'all'")
                .replace("${tenant_id:sqlstring}", "'t1','t2'");
            assert!(!sql.contains('$'), "{sql}");
            sql
        })
        .collect()
}

#[test]
fn the_sql_dashboard_runs_over_a_night_s_files_in_postgresql() {
    let Some(postgres) = Postgres::start() else { return };
    let exports = clicked();
    let (_out, day) = exports.nightly(&[]);
    let csv = |table: &str| day.join(table).join(format!("{table}.csv")).display().to_string();
    let tables = ["download_ratio", "download_ratio_by_day"];
    postgres.psql(&file("tables.sql"));
    for table in tables {
        // The head may begin with a byte-order mark, so that it is passed over and compared here.
        let head = std::fs::read_to_string(csv(table)).expect("a file");
        let head = head
            .trim_start_matches('\u{feff}')
            .lines()
            .next()
            .unwrap_or_default()
            .replace(',', "\n");
        let columns = format!(
            "select column_name from information_schema.columns where table_name = '{table}' order by ordinal_position;"
        );
        assert_eq!(postgres.psql(&columns).trim(), head);
        postgres.psql(&format!(
            "\\copy {table} from '{}' with (format csv, header)\n",
            csv(table)
        ));
    }
    // A name for one of the tenants; the others are shown by their ids.
    postgres.psql("insert into tenants values ('t1', 'Tamil Nadu');\n");
    let dashboard: Value = serde_json::from_str(&file("grafana-sql.json")).expect("JSON");
    let answers: Vec<String> = queries_of(&dashboard)
        .iter()
        .map(|sql| postgres.psql(&format!("{sql};\n")))
        .collect();
    let all = &json_rows(&exports, &["--level", "all"])[0];
    assert_eq!(answers[0].trim().parse::<f64>().ok(), all["download_ratio"].as_f64());
    assert_eq!(answers[1].trim(), format!("{}|{}", all["downloads"], all["batches"]));
    for (sql, answer) in queries_of(&dashboard).iter().zip(&answers) {
        assert!(!answer.trim().is_empty(), "{sql}");
        let shown = if sql.contains("__text") {
            "Tamil Nadu|t1"
        } else {
            "t1|Tamil Nadu|"
        };
        assert!(
            !sql.contains("join tenants") || answer.contains(shown),
            "{sql}: {answer}"
        );
    }
    let weeks = json_rows(&exports, &["--by", "week", "--level", "all"]);
    assert_eq!(answers[6].lines().count(), weeks.len(), "{}", answers[6]);
    for (line, week) in answers[6].lines().zip(&weeks) {
        let ratio = line.split('|').nth(1).and_then(|ratio| ratio.parse::<f64>().ok());
        assert_eq!(ratio, week["download_ratio"].as_f64(), "{line} {week}");
    }
}
