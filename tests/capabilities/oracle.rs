//! Pragati against the independent oracle of `tests/oracle` (Python, DuckDB), which shares no code or SQL with it.
//!
//! Without Python or a package index these tests say so and are skipped.

use std::collections::BTreeMap;
use std::process::Command;

use crate::prepared::copy_folder;
use crate::python::python_for;
use crate::support::{DATE, TestExports, batches, files_below, usually};

const ORACLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle");
const BENCHES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches");

/// A script of the oracle, run with the day's exports.
fn oracle(script: &str, exports: &TestExports) -> Option<Command> {
    let mut command = Command::new(python_for("oracle", "duckdb")?);
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(format!("{ORACLE}/{script}"))
        .arg(exports.path())
        .arg(DATE);
    Some(command)
}

fn output_of(command: &mut Command) -> String {
    let output = command.output().expect("a run");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

mod reports {
    use super::*;

    /// The files of both must be the same, byte for byte, with the settings and with what they are for the oracle.
    fn assert_agree(exports: &TestExports, settings: &str, options: &[&str]) {
        assert_agree_on(exports, exports, settings, options);
    }

    /// The same, where the oracle reads other exports of the same rows, in canonical form.
    pub fn assert_agree_on(exports: &TestExports, canonical: &TestExports, settings: &str, options: &[&str]) {
        let expected = tempfile::tempdir().expect("a folder");
        let Some(mut oracle) = oracle("report_oracle.py", canonical) else {
            return;
        };
        output_of(oracle.arg(expected.path()).args(options));
        let config = exports.config(settings);
        let (_out, day) = exports.nightly(&["--config", &config]);
        let expected: BTreeMap<_, _> = files_below(&expected.path().join("csv")).into_iter().collect();
        let found: BTreeMap<_, _> = files_below(&day.join("csv")).into_iter().collect();
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (path, bytes) in &expected {
            let (found, expected) = (String::from_utf8_lossy(&found[path]), String::from_utf8_lossy(bytes));
            let differing = found
                .lines()
                .zip(expected.lines())
                .find(|(found, expected)| found != expected);
            assert!(found == expected, "{path}: (Pragati's, the oracle's) {differing:?}");
        }
    }

    fn sample() -> TestExports {
        TestExports::sample(2_000, 12_000, 40, 3)
    }

    #[test]
    fn of_a_sample_are_the_oracle_s() {
        assert_agree(&sample(), "", &[]);
    }

    #[test]
    fn of_a_sample_with_tenant_privacy_are_the_oracle_s() {
        assert_agree(&sample(), "report.same_tenant = true", &["--same-tenant"]);
    }

    #[test]
    fn of_a_sample_without_unknown_users_are_the_oracle_s() {
        assert_agree(&sample(), "report.unknown_users = 'omit'", &["--omit-unknown-users"]);
    }

    #[test]
    fn of_a_sample_in_another_zone_without_bom_and_apostrophes_are_the_oracle_s() {
        let settings = "timezone = 'America/New_York'\nreport.bom = false\nreport.formula_escape = false";
        let options = ["--timezone", "America/New_York", "--no-bom", "--no-formula-escape"];
        assert_agree(&sample(), settings, &options);
    }

    #[test]
    fn of_nasty_exports_are_the_oracle_s() {
        assert_agree(&nasty(), "", &[]);
    }

    #[test]
    fn of_nasty_exports_with_tenant_privacy_and_without_unknown_users_are_the_oracle_s() {
        let settings = "report.same_tenant = true\nreport.unknown_users = 'omit'";
        assert_agree(&nasty(), settings, &["--same-tenant", "--omit-unknown-users"]);
    }

    #[test]
    fn of_nasty_exports_without_batches_are_the_oracle_s() {
        assert_agree(&nasty().without("batches"), "", &[]);
    }
}

/// The mapping of Sunbird against DuckDB's, whose SQL was written from the rules in `docs/sunbird.md`.
mod sunbird {
    use super::*;

    const MAPPED: &str = "staging = 'sunbird'";

    /// A made-up dump of Sunbird's raw tables, and the canonical tables that DuckDB makes of it.
    fn dump(seed: usize) -> Option<[TestExports; 2]> {
        let python = python_for("oracle", "duckdb")?;
        let made = tempfile::tempdir().expect("a folder");
        let run = |script: &str, arguments: &str| {
            let mut command = Command::new(&python);
            command
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .current_dir(made.path())
                .arg(format!("{BENCHES}/{script}"))
                .args(arguments.split(' '));
            output_of(&mut command);
        };
        let sizes = "--users 1000 --enrolments 6000 --batches 60 --courses 30 --contents 30";
        run("generate_sunbird.py", &format!("dump {sizes} --seed {seed}"));
        run("peers/duckdb_sunbird.py", "canonical dump canonical --threads 1");
        let exports = ["dump", "canonical"].map(|folder| {
            let exports = TestExports::empty();
            copy_folder(&made.path().join(folder), exports.path());
            exports
        });
        Some(exports)
    }

    #[test]
    fn reports_of_a_dump_are_the_oracle_s() {
        for seed in 0..usually(1, 5) {
            let Some([dump, canonical]) = dump(seed) else {
                return;
            };
            reports::assert_agree_on(&dump, &canonical, MAPPED, &[]);
            let own_tenant = format!("{MAPPED}\nreport.same_tenant = true");
            reports::assert_agree_on(&dump, &canonical, &own_tenant, &["--same-tenant"]);
        }
    }

    #[test]
    fn tables_of_a_dump_are_those_of_duckdb_s_mapping() {
        for seed in 10..10 + usually(1, 5) {
            let Some([dump, canonical]) = dump(seed) else {
                return;
            };
            let config = dump.config(MAPPED);
            let queries = [
                "select * from users order by user_id",
                "select * from batches order by batch_id",
                "select * from enrolments order by batch_id, user_id, enrolled_at, active",
                "select * from course_progress order by batch_id, user_id, progress_percent, completed_at",
            ];
            for query in queries {
                let found = dump.output("sql", &["--config", &config, "--format", "csv", "-c", query]);
                let expected = canonical.output("sql", &["--format", "csv", "-c", query]);
                let differing = found
                    .lines()
                    .zip(expected.lines())
                    .find(|(found, expected)| found != expected);
                assert!(found == expected, "{query}: (Pragati's, DuckDB's) {differing:?}");
                assert!(found.lines().count() > 50, "there is something to compare");
            }
        }
    }
}

/// What `pragati sample` makes up with `lines` lines of telemetry.
fn sample_with_telemetry(lines: usize) -> TestExports {
    TestExports::sample_with_telemetry(2_000, 12_000, 40, 3, lines)
}

mod events {
    use super::*;

    #[test]
    fn of_compressed_telemetry_with_malformed_lines_are_the_oracle_s() {
        let exports = sample_with_telemetry(100_000);
        let Some(mut oracle) = oracle("events_oracle.py", &exports) else {
            return;
        };
        let expected = output_of(&mut oracle);
        let sql =
            "select mid, arrow_cast(event_time, 'Int64') as event_time, user_id, course_id, batch_id, tenant_id, source
            from distinct_download_events order by mid";
        let found = exports.output("sql", &["--format", "csv", "-c", sql]);
        let differing = found
            .lines()
            .zip(expected.lines())
            .find(|(found, expected)| found != expected);
        assert!(found == expected, "(Pragati's, the oracle's) {differing:?}");
        assert!(found.lines().count() > 20_000, "there is something to compare");
        let malformed = exports.output(
            "sql",
            &[
                "-c",
                "select count(*) > 50 as many from malformed_telemetry",
                "--format",
                "csv",
            ],
        );
        assert_eq!(malformed, "many\ntrue\n");
    }
}

mod ratio {
    use super::*;

    /// What both tell of a level, id and window.
    type Ratios = BTreeMap<[String; 5], [Option<f64>; 8]>;

    fn ratios(csv: &str) -> Ratios {
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let headers = reader.headers().expect("a header").clone();
        let place = |name: &str| headers.iter().position(|header| header == name).expect("the column");
        let ids = ["level", "course_id", "tenant_id", "window_start", "window_end"].map(place);
        let numbers = [
            "downloads",
            "batches",
            "download_ratio",
            "batches_downloaded",
            "coverage",
            "requests",
            "delivered",
            "sent_by_subscription",
        ]
        .map(|name| {
            let found = headers.iter().position(|header| header == name);
            // The last is only there with events that tell it.
            assert!(found.is_some() || name == "sent_by_subscription", "{name}");
            found
        });
        let rows = reader.records().map(|record| {
            let record = record.expect("CSV");
            let ids = ids.map(|place| record[place].to_owned());
            let numbers = numbers.map(|place| {
                let cell = place.map_or("", |place| &record[place]);
                (!cell.is_empty()).then(|| cell.parse().expect("a number"))
            });
            (ids, numbers)
        });
        rows.collect()
    }

    /// Both with these options.
    fn assert_agree_with(exports: &TestExports, options: &[&str]) {
        let Some(mut oracle) = oracle("ratio_oracle.py", exports) else {
            return;
        };
        let expected = ratios(&output_of(oracle.args(options)));
        let found = exports.output("ratio", &[options, &["--format", "csv"]].concat());
        let rows = found.lines().count() - 1;
        let mut found = ratios(&found);
        assert_eq!(found.len(), rows, "a row for each level, id and window");
        // The oracle leaves out what has neither batches nor events within the window.
        found.retain(|id, numbers| expected.contains_key(id) || numbers[..2] != [Some(0.0); 2]);
        assert_eq!(found, expected, "{options:?}");
        assert!(found.len() > 1, "there is something to compare");
    }

    fn assert_agree(exports: &TestExports) {
        for window in ["all", "1d", "7d", "30d"] {
            assert_agree_with(exports, &["--window", window]);
        }
    }

    fn assert_agree_over_time(exports: &TestExports) {
        for days in [&[][..], &["--since", "2026-10-31", "--until", "2026-11-21"]] {
            for by in ["day", "week", "month"] {
                assert_agree_with(exports, &[&["--by", by], days].concat());
            }
        }
        assert_agree_with(exports, &["--since", "2026-11-01", "--until", "2026-11-16"]);
        assert_agree_with(exports, &["--until", "2026-11-16"]);
    }

    #[test]
    fn of_a_sample_over_time_is_the_oracle_s() {
        assert_agree_over_time(&TestExports::sample(2_000, 12_000, 40, 40));
    }

    #[test]
    fn of_nasty_exports_over_time_is_the_oracle_s() {
        assert_agree_over_time(&nasty());
    }

    #[test]
    fn of_many_double_clicks_is_the_oracle_s() {
        assert_agree(&impatient());
        assert_agree_over_time(&impatient());
    }

    #[test]
    fn with_deliveries_is_the_oracle_s() {
        let exports = impatient();
        let events = tempfile::tempdir().expect("a folder");
        write_deliveries(events.path());
        let place = events.path().to_str().expect("UTF-8");
        assert_agree_with(&exports, &["--events", place]);
        assert_agree_with(&exports, &["--events", place, "--window", "7d"]);
        assert_agree_with(&exports, &["--events", place, "--by", "day", "--since", "2026-11-10"]);
        assert_agree_with(&exports, &["--events", place, "--by", "week"]);
    }

    /// Few people who click on few batches again and again for some minutes every three hours, also around midnight.
    fn impatient() -> TestExports {
        let events = "
            select 'm' || cast(value % 1900 as varchar) as mid,
                to_timestamp_micros(1794000500000000 + (value * 7919 % 40) * 10800000000
                    + (value * value * 31 % 311) * 1000000 + value % 3 * 500000) as event_time,
                case when value % 17 = 0 then null else 'u' || cast(value % 5 as varchar) end as user_id,
                'c' || cast(value % 4 as varchar) as course_id,
                case when value % 13 = 0 then null else 'b' || cast(value % 7 as varchar) end as batch_id,
                't' || cast(value % 3 as varchar) as tenant_id
            from generate_series(1, 2000) as click(value)";
        TestExports::small()
            .table(
                "batches",
                &batches("('b0', 'c0', 't0'), ('b1', 'c0', 't1'), ('b2', 'c1', 't1'), ('b3', null, 't0'), ('b4', 'c1', null)"),
            )
            .table("download_events", events)
    }

    /// Deliveries of known, unknown and no batches, some told twice, one later than the snapshot; subscriptions sent
    /// every third.
    fn write_deliveries(folder: &std::path::Path) {
        let delivery = |number: u32| {
            let request = number - number % 10 / 9;
            let cdata = match request % 4 {
                0 => String::new(),
                _ => format!(r#"{{"type":"Batch","id":"b{}"}},"#, request % 9),
            };
            let id = match request % 3 {
                0 => "report-sent-by-subscription",
                _ => "report-delivered",
            };
            let ets = 1_794_700_000_000_u64 + u64::from(number) * 30_000_000;
            format!(
                r#"{{"eid":"AUDIT","ets":{ets},"ver":"3.0","mid":"d{number}","actor":{{"id":"u1","type":"User"}},"context":{{"channel":"t{}","pdata":{{"id":"pragati","ver":"1"}},"env":"x","cdata":[{cdata}{{"type":"Request","id":"r{request}"}}]}},"object":{{"id":"c{}","type":"Course"}},"edata":{{"id":"{id}"}}}}"#,
                request % 3,
                request % 4,
            )
        };
        let day = folder.join("date=2026-11-15");
        std::fs::create_dir(&day).expect("a folder");
        let lines: Vec<String> = (1..40).map(delivery).collect();
        std::fs::write(day.join("events-1.ndjson"), lines.join("\n") + "\n").expect("a file");
    }

    #[test]
    fn of_a_sample_is_the_oracle_s_in_every_window() {
        assert_agree(&TestExports::sample(2_000, 12_000, 40, 3));
    }

    #[test]
    fn of_a_sample_with_telemetry_is_the_oracle_s_in_every_window() {
        assert_agree(&sample_with_telemetry(10_000));
    }

    #[test]
    fn of_nasty_exports_is_the_oracle_s_in_every_window() {
        assert_agree(&nasty());
    }

    #[test]
    fn of_nasty_exports_without_batches_is_the_oracle_s_in_every_window() {
        assert_agree(&nasty().without("batches"));
    }
}

/// Nulls, blanks, repeated rows of every kind, unknown users, odd ids, odd types and late, early and repeated events.
pub fn nasty() -> TestExports {
    TestExports::empty()
        .table("users", NASTY_USERS)
        .part("users", 1, MORE_NASTY_USERS)
        .table("enrolments", NASTY_ENROLMENTS)
        .part("enrolments", 1, MORE_NASTY_ENROLMENTS)
        .table("course_progress", NASTY_PROGRESS)
        .table(
            "batches",
            &batches(
                "('b1', 'c1', 't1'), ('b1', 'c1', null), ('b1', null, 't9'), ('b2', 'c2', ' '),
                ('b3', null, 't2'),
                ('b3', null, 't3'), (' b4 ', 'c1', '..'), ('a/../b', 'c1', '_'), ('', 'c1', 't1'),
                (null, 'c1', 't1'),
                ('empty', 'c3', 't4'), (repeat('long ', 100), 'c1', repeat('🙂', 100)),
                ('100%', '100%', 't1')",
            ),
        )
        .table_on("download_events", "2026-11-01", &events(OLD_EVENTS))
        .table_on("download_events", "2026-11-21", &events(LATE_EVENTS))
        .table("download_events", &events(EVENTS))
        .table_on(
            "download_events",
            "2026-11-23",
            &events("('m99', '2026-11-01T00:00:00', 'u1', 'c1', 'b1', 't1')"),
        )
}

const NASTY_USERS: &str = "
    select * from (values
        ('u1', 'E1', ' Asha ', 'Kumar\u{a0}', '', ' ', 'Org, Ltd.', 'Dist \"1\"', 'two\nlines', null, 't1'),
        ('u1', 'E1', 'Asha', null, null, null, null, null, null, null, 't2'),
        ('u2', null, null, null, null, null, null, null, null, null, null),
        ('u2', '', ' ', null, null, null, null, null, null, null, null),
        ('u3', 'E3', 'B', null, null, null, null, null, null, null, null),
        ('u3', 'E3', 'C', null, null, null, null, null, null, null, null),
        ('u3', 'E2', 'Z', null, null, null, null, null, null, null, null),
        ('u4', '=1+1', '+cmd', '-cmd', '@at', '+919812345678', '-5', '-5.25', '\tx', '\rx', 't3'),
        (null, 'E9', 'Nobody', null, null, null, null, null, null, null, null),
        (' ', 'E8', 'Blank', null, null, null, null, null, null, null, null),
        ('U1', 'E7', 'Upper', null, null, null, null, null, null, null, '..'),
        (' u1', 'E6', 'Spaced', null, null, null, null, null, null, null, '_')
    ) as users(user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name,
        block_name, tenant_id)";

const MORE_NASTY_USERS: &str = "
    select arrow_cast(block_name, 'LargeUtf8') as block_name, arrow_cast(user_id, 'Dictionary(Int8, Utf8)') as user_id,
        first_name, last_name, email, mobile, organization_name, district_name, school_name, tenant_id,
        arrow_cast(external_id, 'Utf8View') as external_id, 1 as version
    from (values
        ('अनीता', '٣', 'अनीता', 'कुमारी', 'a@example.org', '-', '+1.', '''quoted', '\u{2003}', 'ब्लॉक', 't1'),
        ('0123abcd-89ef-4567-8000-00000000000f', 'E5', '🙂', null, null, null, null, null, null, null, 't1'),
        ('0123ABCD-89ef-4567-8000-00000000000f', 'E5', null, 'Only last', null, null, null, null, null, null, 't1'),
        ('u3', 'E3', 'C', '\u{200b}', null, null, null, null, null, null, null)
    ) as users(user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name,
        block_name, tenant_id)";

const NASTY_ENROLMENTS: &str = "
    select user_id, course_id, batch_id,
        arrow_cast(enrolled_at, 'Timestamp(Millisecond, Some(\"UTC\"))') as enrolled_at, active
    from (values
        ('u1', 'c1', 'b1', '2026-10-01T18:29:59', true), ('u1', 'c1', 'b1', '2026-10-01T18:29:58', false),
        ('u2', 'c1', 'b1', '2026-10-01T00:00:00', true), ('u2', 'c1', 'b1', '2026-10-02T00:00:00', false),
        ('u3', 'c1', 'b1', '2026-10-01T18:30:00', false), ('u3', 'c1', 'b1', '2026-10-01T18:30:00', true),
        ('u4', 'c1', 'b1', null, true), ('U1', 'c1', 'b1', null, true),
        ('U1', 'c1', 'b1', '2026-10-01T00:00:00', null),
        (' u1', 'c1', 'b1', '1969-12-31T18:29:59', true), ('अनीता', 'c1', 'b1', '2026-10-01T00:00:00', true),
        ('stranger', 'c1', 'b1', '2026-10-01T00:00:00', true),
        (null, 'c1', 'b1', '2026-10-01T00:00:00', true),
        ('\t', 'c1', 'b1', '2026-10-01T00:00:00', true), ('u1', 'c1', null, '2026-10-01T00:00:00', true),
        ('u1', 'c1', ' ', '2026-10-01T00:00:00', true), ('u1', 'c1', 'b2', '2026-10-01T00:00:00', null),
        ('u1', null, 'b3', '2026-10-01T00:00:00', true), ('u2', null, 'b3', '2026-10-01T00:00:00', true)
    ) as enrolments(user_id, course_id, batch_id, enrolled_at, active)";

const MORE_NASTY_ENROLMENTS: &str = "
    select active, arrow_cast(enrolled_at, 'Timestamp(Microsecond, Some(\"Asia/Kolkata\"))') as enrolled_at,
        arrow_cast(batch_id, 'Dictionary(Int32, Utf8)') as batch_id, course_id, user_id
    from (values
        ('u1', 'c1', 'b1', '2026-10-01T18:29:59Z', true),
        ('u4', 'c9', 'not in batches', '2026-10-01T00:00:00Z', true),
        ('u4', 'c8', 'not in batches', '2026-10-02T00:00:00Z', false),
        ('u1', 'c1', ' b4 ', '2026-10-01T18:30:00Z', true),
        ('u1', 'c1', 'a/../b', '2026-02-28T18:30:00Z', true),
        ('u3', '100%', '100%', '2026-10-01T00:00:00Z', true),
        ('0123abcd-89ef-4567-8000-00000000000f', 'c1', 'b1', '2026-10-01T00:00:00Z', true),
        ('0123ABCD-89ef-4567-8000-00000000000f', 'c1', 'b1', '2026-10-01T00:00:00Z', true),
        ('0123abcd-89ef-4567-8000-0000000000ff', 'c1', 'b1', '2026-10-01T00:00:00Z', true),
        ('u1', 'c1', repeat('long ', 100), '2026-10-01T00:00:00Z', true)
    ) as enrolments(user_id, course_id, batch_id, enrolled_at, active)";

const NASTY_PROGRESS: &str = "
    select user_id, course_id, batch_id, arrow_cast(progress_percent, 'Float32') as progress_percent,
        arrow_cast(completed_at, 'Timestamp(Microsecond, Some(\"UTC\"))') as completed_at
    from (values
        ('u1', 'c1', 'b1', '40', null), ('u1', 'c1', 'b1', '60.9', null),
        ('u1', 'c2', 'b1', '60.9', '2026-10-09T18:30:00'),
        ('u1', 'c1', 'b1', '60.9', '2026-10-10T00:00:00'), ('u3', 'c1', 'b1', null, null),
        ('u4', 'c1', 'b1', 'NaN', null),
        ('U1', 'c1', 'b1', '-3', null), (' u1', 'c1', 'b1', '1000', null),
        ('अनीता', 'c1', 'b1', '99.99', null),
        ('stranger', 'c1', 'b1', '5', '2026-10-09T18:29:59'), ('u1', 'c1', 'b3', null, '2026-10-05T00:00:00'),
        ('u1', 'c1', 'b3', '30', null), ('u2', 'c1', 'b3', 'NaN', null), ('u2', 'c1', 'b3', '0', null),
        (null, 'c1', 'b1', '50', null), ('u1', 'c1', '', '50', null),
        ('not enrolled', 'c1', 'b1', '50', null),
        ('u4', 'c9', 'not in batches', '1e30', null), ('u1', 'c1', 'no such batch', '50', null)
    ) as course_progress(user_id, course_id, batch_id, progress_percent, completed_at)";

/// A `download_events` table: mid, time, user, course, batch, tenant.
fn events(rows: &str) -> String {
    format!(
        "select cast(mid as varchar) as mid,
            arrow_cast(event_time, 'Timestamp(Millisecond, Some(\"UTC\"))') as event_time,
            cast(user_id as varchar) as user_id, cast(course_id as varchar) as course_id,
            cast(batch_id as varchar) as batch_id, cast(tenant_id as varchar) as tenant_id
        from (values {rows}) as download_events(mid, event_time, user_id, course_id, batch_id, tenant_id)"
    )
}

const OLD_EVENTS: &str = "
    ('m1', '2026-10-01T00:00:00', 'u1', 'c1', 'b1', 't1'),
    ('m2', '2026-10-23T18:29:59', 'u1', 'c2', 'b2', 't1'),
    ('m3', '2026-10-23T18:30:00', 'u1', 'c2', 'b2', 't1'), ('m4', null, 'u1', 'c1', 'b1', 't1')";

const LATE_EVENTS: &str = "
    ('m1', '2026-11-21T00:00:00', 'u1', 'c1', 'b1', 't1'),
    ('m5', '2026-11-15T18:30:00', 'u1', 'c7', 'unknown', 't7'),
    ('m6', '2026-11-15T18:29:59', 'u1', 'c1', null, null),
    (null, '2026-11-21T00:00:00', 'u1', 'c1', 'b1', 't1'),
    (' ', '2026-11-21T00:00:00', 'u1', 'c1', 'b1', 't1')";

const EVENTS: &str = "
    ('m7', '2026-11-21T18:29:59', 'u1', 'c1', 'b3', 't1'),
    ('m8', '2026-11-21T18:30:00', null, null, ' b4 ', null),
    ('m9', '2026-11-22T18:29:59', 'u1', 'c1', 'b1', 'other'),
    ('m10', '2026-11-22T18:30:00', 'u1', 'c1', 'b1', 't1'),
    ('m8', '2026-11-21T18:30:01', 'u1', 'c1', 'b1', null),
    ('m11', '2026-11-22T00:00:00', 'u1', '', 'unknown', ' '),
    ('m12', '2026-11-22T00:00:00', 'u1', '100%', '100%', 't1')";
