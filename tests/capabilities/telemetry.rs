//! Telemetry as it comes: compressed, damaged, late, by clocks that are wrong; nothing in it is fatal, and nothing is
//! dropped without a remark.

use serde_json::{Value, json};

use crate::exports_layout::assert_told;
use crate::support::{DATE, TestExports, batches, csv_columns, gzip, write_parquet};

/// A click at a moment, in milliseconds since 1970.
fn click(mid: &str, ets: i64, batch: &str) -> String {
    let event = json!({
        "eid": "INTERACT", "ets": ets, "ver": "3.0", "mid": mid, "actor": {"id": "u1", "type": "User"},
        "context": {"channel": "t1", "cdata": [{"type": "Batch", "id": batch}]},
        "object": {"id": "c1", "type": "Course"},
        "edata": {"id": "download", "type": "click", "pageid": "course-progress-dashboard"},
    });
    format!("{event}\n")
}

/// A moment of UTC.
fn at(time: &str) -> i64 {
    let time = chrono::NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S").expect("a time");
    time.and_utc().timestamp_millis()
}

fn noon(mid: &str) -> String {
    click(mid, at("2026-11-20 12:00:00"), "b1")
}

fn rows(exports: &TestExports, sql: &str) -> String {
    exports.output("sql", &["--format", "csv", "-c", sql])
}

fn mids(exports: &TestExports) -> Vec<String> {
    let sql = "select mid from distinct_download_events order by mid";
    rows(exports, sql).lines().skip(1).map(str::to_owned).collect()
}

fn malformed(exports: &TestExports) -> String {
    rows(
        exports,
        "select file, line, reason from malformed_telemetry order by file, line",
    )
}

/// The rules about events that something breaks: rule, rows, examples.
fn broken(exports: &TestExports, arguments: &[&str]) -> String {
    let findings = exports.output("check", &[&["--format", "json"], arguments].concat());
    let findings: Vec<Value> = serde_json::from_str(&findings).expect("JSON");
    let mut shown = String::new();
    for finding in findings {
        let rule = finding["rule"].as_str().expect("a name");
        if finding["rows"] != 0 && (rule.contains("events") || rule.contains("telemetry")) {
            assert_eq!(finding["severity"], "should");
            shown += &format!("{rule}: {}\n", finding["rows"]);
            for example in finding["examples"].as_array().expect("examples") {
                shown += &format!("    {}\n", example.as_str().expect("text"));
            }
        }
    }
    shown
}

#[test]
fn a_folder_that_does_not_exist_is_no_telemetry() {
    let exports = TestExports::small();
    assert_eq!(mids(&exports), [""; 0]);
    assert_eq!(malformed(&exports), "file,line,reason\n");
    // Unless it is named on purpose.
    let config = exports.config("telemetry.path = '/no/such/folder'");
    let complaint = exports.complaint(1, "ratio", &["--config", &config]);
    insta::assert_snapshot!(complaint, @"error: folder /no/such/folder does not exist; check the path");
}

#[test]
fn lines_plain_and_compressed_in_one_member_or_several() {
    let members = [gzip(noon("a").as_bytes()), gzip(b""), gzip(noon("b").as_bytes())].concat();
    let windows = format!("\u{feff}\r\n{}\r\n\r\n", noon("c").trim_end());
    let exports = TestExports::small()
        .telemetry("date=2026-11-20/windows.json", windows.as_bytes())
        .telemetry("date=2026-11-20/without-end.ndjson", noon("d").trim_end().as_bytes())
        .telemetry("date=2026-11-20/misnamed.json", &gzip(noon("e").as_bytes()))
        .telemetry("date=2026-11-20/empty.json", b"")
        .telemetry("date=2026-11-20/empty.json.gz", b"")
        .telemetry("date=2026-11-20/one-byte.json", b"\n");
    std::fs::write(
        exports.path().join("telemetry/date=2026-11-20/members.json.gz"),
        members,
    )
    .expect("a file");
    std::fs::write(
        exports.path().join("telemetry/date=2026-11-20/plain.json.gz"),
        noon("f"),
    )
    .expect("a file");
    assert_eq!(mids(&exports), ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(malformed(&exports), "file,line,reason\n");
}

#[test]
fn days_are_named_as_those_of_exports_and_other_files_are_named() {
    let exports = TestExports::small()
        .telemetry("date=2026-11-20/UPPER.JSON", noon("a").as_bytes())
        .telemetry("dt=2026-11-20/a.json", noon("b").as_bytes())
        .telemetry("date=20261120/hour=07/a.jsonl", noon("c").as_bytes())
        .telemetry("date=2026-11-20/_temporary/0/a.json", noon("temporary").as_bytes())
        .telemetry("date=2026-11-20/_SUCCESS", b"x");
    assert_eq!(mids(&exports), ["a", "b", "c"]);
    assert_eq!(exports.output_and_talk("check", &[]).1, "");

    for path in [
        "a.json",
        "2026-11-20/a.json",
        "date=20-11-2026/a.json",
        "year=2026/a.json",
    ] {
        let exports = TestExports::small().telemetry(path, noon("a").as_bytes());
        let file = format!("telemetry/{path}");
        assert_told(
            &exports,
            &["telemetry_events", &file, "is not in a folder date=YYYY-MM-DD"],
        );
    }
    let exports = TestExports::small().telemetry("date=2026-11-20/a.json.zst", b"x");
    assert_told(&exports, &["telemetry_events", "a.json.zst", "does not end in .json"]);
}

#[test]
fn a_link_to_a_file_of_events_that_is_not_there_is_refused() {
    let exports = TestExports::small().telemetry("date=2026-11-20/a.json", noon("a").as_bytes());
    let link = exports.path().join("telemetry/date=2026-11-20/b.json");
    std::os::unix::fs::symlink("/no/such/file", link).expect("a link");
    for command in ["check", "ratio"] {
        let complaint = exports.complaint(1, command, &[]);
        for words in ["telemetry_events", "date=2026-11-20/b.json", "restore what it links to"] {
            assert!(complaint.contains(words), "{complaint}");
        }
    }
}

#[test]
fn malformed_lines_are_named_counted_and_do_not_count() {
    let long = format!("{{\"eid\":\"{}\"}}", "x".repeat(5 << 20));
    let (first, last) = (noon("a"), noon("b"));
    let lines = [
        first.trim_end().as_bytes(),
        b"{\"eid\":\"INTERACT\",\"actor\":{\"id\":\"Asha\"",
        b"",
        b"Asha Kumar",
        b"\"\xff\"",
        b"[1]",
        b"{\"mid\":\"Asha\"}",
        long.as_bytes(),
        last.trim_end().as_bytes(),
    ];
    let exports = TestExports::small()
        .telemetry("date=2026-11-20/bad.json", &lines.join(&b'\n'))
        .telemetry("date=2026-11-21/good.json.gz", noon("c").as_bytes());
    assert_eq!(mids(&exports), ["a", "b", "c"]);
    insta::assert_snapshot!(malformed(&exports), @r"
    file,line,reason
    telemetry/date=2026-11-20/bad.json,2,not JSON: EOF while parsing an object at column 38
    telemetry/date=2026-11-20/bad.json,4,not JSON: expected value at column 1
    telemetry/date=2026-11-20/bad.json,5,not UTF-8 text
    telemetry/date=2026-11-20/bad.json,6,not a JSON object
    telemetry/date=2026-11-20/bad.json,7,without eid
    telemetry/date=2026-11-20/bad.json,8,longer than 4194304 bytes
    ");
    insta::assert_snapshot!(broken(&exports, &[]), @r"
    malformed_telemetry: 6
        telemetry/date=2026-11-20/bad.json line 2: not JSON: EOF while parsing an object at column 38
        telemetry/date=2026-11-20/bad.json line 4: not JSON: expected value at column 1
        telemetry/date=2026-11-20/bad.json line 5: not UTF-8 text
    ");
    // A run says so once a file, without what is in it.
    let (_, talk) = exports.output_and_talk("ratio", &[]);
    let about: Vec<&str> = talk.lines().filter(|line| line.contains("bad.json")).collect();
    assert_eq!(about.len(), 1, "{talk}");
    assert!(
        about[0].contains("6 lines are no telemetry events") && about[0].contains("WARN"),
        "{talk}"
    );
    assert!(!talk.contains("good.json") && !talk.contains("Asha"), "{talk}");
}

#[test]
fn the_nightly_manifest_counts_what_is_malformed_and_lists_what_was_read() {
    let exports = TestExports::small()
        .telemetry("date=2026-11-20/a.json", (noon("a") + "no\n" + &noon("b")).as_bytes())
        .telemetry("date=2026-11-23/b.json.gz", (noon("c") + "{}\n").as_bytes());
    let events = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(events.path().join("date=2026-11-20")).expect("a folder");
    std::fs::write(
        events.path().join("date=2026-11-20/own.ndjson"),
        noon("d") + "{\"eid\"\n",
    )
    .expect("a file");
    let (_out, day) = exports.nightly(&["--events", events.path().to_str().expect("UTF-8")]);
    let manifest = std::fs::read_to_string(day.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    assert_eq!(manifest["counts"]["malformed_telemetry"], 3);
    let inputs = manifest["inputs"].as_array().expect("inputs").iter();
    let telemetry = inputs.filter(|input| input["table"].as_str().expect("a name").ends_with("_events"));
    let listed: Vec<_> = telemetry
        .map(|input| {
            let file = input["file"].as_str().expect("a name");
            let name = file.rsplit('/').next().expect("a name").to_owned();
            let size = std::fs::metadata(file).expect("a file").len();
            assert_eq!(input["bytes"], size);
            (
                input["table"].as_str().expect("a name").to_owned(),
                name,
                input["rows"].as_u64(),
            )
        })
        .collect();
    let entry = |table: &str, file: &str, rows| (table.to_owned(), file.to_owned(), Some(rows));
    let expected = [
        entry("telemetry_events", "a.json", 2),
        entry("telemetry_events", "b.json.gz", 1),
        entry("pragati_events", "own.ndjson", 1),
    ];
    assert_eq!(listed, expected);
}

#[test]
fn events_before_the_damage_of_a_file_count_and_the_damage_is_a_warning() {
    let many: String = (0..20_000).map(|number| noon(&format!("m{number:05}"))).collect();
    let whole = gzip(many.as_bytes());
    let mut flipped = whole.clone();
    let middle = whole.len() / 2;
    flipped[middle..middle + 64].fill(0xff);
    for (name, content) in [("cut.json.gz", &whole[..middle]), ("flipped.json.gz", &flipped)] {
        let exports = TestExports::small().telemetry("date=2026-11-20/fine.json", noon("fine").as_bytes());
        let file = exports.path().join("telemetry/date=2026-11-20").join(name);
        std::fs::write(&file, content).expect("a file");
        let found = mids(&exports);
        assert!(found.len() > 5_000 && found[0] == "fine", "{name}: {}", found.len());
        let told = malformed(&exports);
        let last = told.lines().last().expect("a row");
        let place = format!("telemetry/date=2026-11-20/{name},");
        assert!(
            last.starts_with(&place) && last.contains("the gzip data is damaged or cut short"),
            "{last}"
        );
        let (_, talk) = exports.output_and_talk("ratio", &[]);
        assert!(
            talk.contains("ERROR") && talk.contains(name) && talk.contains("cannot be read to its end"),
            "{talk}"
        );
        // An archive whose end is not gzip.
        let trailing = [whole.as_slice(), b"not gzip"].concat();
        std::fs::write(&file, trailing).expect("a file");
        assert_eq!(mids(&exports).len(), 20_001);
        assert_eq!(malformed(&exports).lines().count(), 2);
    }
}

#[test]
fn a_line_of_a_hundred_megabytes_is_skipped_and_named() {
    let line = format!("{{\"eid\":\"INTERACT\",\"x\":\"{}\"}}\n", "a".repeat(100 << 20));
    let content = [line.as_bytes(), noon("after").as_bytes()].concat();
    let exports = TestExports::small().telemetry("date=2026-11-20/long.json.gz", &content);
    assert_eq!(mids(&exports), ["after"]);
    insta::assert_snapshot!(malformed(&exports), @r"
    file,line,reason
    telemetry/date=2026-11-20/long.json.gz,1,longer than 4194304 bytes
    ");
}

/// Parquet files of telemetry: file, columns.
fn parquet(files: &[(&str, &str)]) -> TestExports {
    let exports = TestExports::small();
    let folder = exports.path().join("telemetry/date=2026-11-20");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (file, columns) in files {
        write_parquet(&folder.join(file), &format!("select {columns}"));
    }
    exports
}

#[test]
fn parquet_files_are_read_like_lines_whatever_their_types() {
    const EDATA: &str = "named_struct('pageid', 'course-progress-dashboard', 'extra', 1, 'id', 'download') as edata";
    let plain = format!(
        "'INTERACT' as eid, 1795152600000 as ets, 'plain' as mid, named_struct('id', 'u1', 'type', 'User') as actor,
        named_struct('channel', 't1', 'pdata', named_struct('id', 'portal'),
            'cdata', [named_struct('id', 'b2', 'type', 'BATCH'), named_struct('id', 'b1', 'type', 'Batch')]) as context,
        named_struct('id', 'c1') as object, {EDATA}, 'more' as tags"
    );
    let odd = format!(
        "arrow_cast('INTERACT', 'Dictionary(Int8, Utf8)') as eid, arrow_cast('1795152600000', 'LargeUtf8') as ets,
        7 as mid, 'u1' as actor,
        named_struct('cdata', arrow_cast([named_struct('id', 3, 'type', 'batch')],
            'LargeList(Struct(\"id\": Int64, \"type\": Utf8))')) as context, {EDATA}"
    );
    let timed = format!(
        "'INTERACT' as eid, to_timestamp('2026-11-20T05:30:00') as ets, 'timed' as mid,
        named_struct('cdata', 'b1') as context, {EDATA}"
    );
    let float = format!("'INTERACT' as eid, 1.7951526e12 as ets, 'float' as mid, {EDATA}");
    let no_eids = format!(
        "eid, ets, mid, named_struct('cdata', cdata) as context, {EDATA}
        from (values (null, 1795152600000, 'no eid', [named_struct('type', 'Batch', 'id', 'b1')]),
            ('INTERACT', 9000000000000000000, 'no time', null),
            ('INTERACT', -1, 'second', [named_struct('type', 'Batch', 'id', 'b2')])) as rows(eid, ets, mid, cdata)"
    );
    let exports = parquet(&[
        ("plain.parquet", &plain),
        ("odd.parquet", &odd),
        ("timed.parquet", &timed),
        ("float.parquet", &float),
        ("no-eids.parquet", &no_eids),
        ("another.parquet", "1 as one"),
    ]);
    let broken = exports.path().join("telemetry/date=2026-11-20/broken.parquet");
    std::fs::write(broken, "PAR1 and no more").expect("a file");
    let sql = "select mid, event_time, user_id, course_id, batch_id, tenant_id, source from distinct_download_events
        order by mid";
    insta::assert_snapshot!(rows(&exports, sql), @r"
    mid,event_time,user_id,course_id,batch_id,tenant_id,source
    7,2026-11-20T05:30:00Z,,,3,,
    float,2026-11-20T05:30:00Z,,,,,
    no time,,,,,,
    plain,2026-11-20T05:30:00Z,u1,c1,b1,t1,portal
    second,1969-12-31T23:59:59.999Z,,,b2,,
    timed,2026-11-20T05:30:00Z,,,,,
    ");
    let told = malformed(&exports);
    let told: Vec<&str> = told.lines().skip(1).collect();
    assert_eq!(told[0], "telemetry/date=2026-11-20/another.parquet,1,without eid");
    assert!(
        told[1].contains("broken.parquet,,") && told[1].contains("cannot be read"),
        "{told:?}"
    );
    assert_eq!(told[2..], ["telemetry/date=2026-11-20/no-eids.parquet,1,without eid"]);
}

#[test]
fn odd_events_are_counted_by_their_own_ids_and_reported() {
    let known = "select *, date '2026-11-10' as start_date from (values ('b1', 'c1', 't1'), ('b2', 'c1', 't2'))
        as batches(batch_id, course_id, tenant_id)";
    let without_batch = click("without batch", at("2026-11-20 12:00:00"), "");
    let without_course = without_batch
        .replace("without batch", "without course")
        .replace("\"c1\"", "null");
    let lines = [
        noon("fine"),
        without_batch,
        without_course,
        click("unknown batch", at("2026-11-20 12:00:00"), "b9"),
        // Local days, which begin at 18:30 UTC.
        click("the day it starts", at("2026-11-09 18:30:00"), "b1"),
        click("before it starts", at("2026-11-09 18:29:59"), "b1"),
        // In the folder of a day that ends between midnight in India and in Greenwich.
        click("in time", at("2026-11-20 23:59:59"), "b1"),
        click("clock ahead", at("2026-11-21 00:00:00"), "b1"),
        noon("without time").replace("\"ets\":", "\"was\":"),
        noon("").replace("\"mid\":\"\"", "\"mid\":null"),
    ];
    let exports = TestExports::small()
        .table("batches", known)
        .telemetry("date=2026-11-20/a.json", lines.concat().as_bytes());
    insta::assert_snapshot!(broken(&exports, &[]), @r"
    download_events_after_arrival: 1
        event clock ahead of 2026-11-21 00:00:00+00 arrived by 2026-11-20
    download_events_before_start_date: 1
        event before it starts of batch b1
    download_events_of_unknown_batches: 1
        event unknown batch
    download_events_without_batch_id: 2
        event without batch
        event without course
    download_events_without_course_id: 1
        event without course
    download_events_without_mid: 1
        batch b1 at 2026-11-20 12:00:00+00
    download_events_without_time: 1
        event without time
    ");
    // Exported events arrived by the snapshot's day.
    let ahead = "select 'ahead' as mid, to_timestamp('2026-11-23T00:00:00') as event_time, 'u1' as user_id,
        'c1' as course_id, 'b1' as batch_id, 't1' as tenant_id";
    let exports = TestExports::small().table("download_events", ahead);
    let found = broken(&exports, &[]);
    assert!(
        found.contains("event ahead of 2026-11-23 00:00:00+00 arrived by 2026-11-22"),
        "{found}"
    );
}

#[test]
fn the_ratio_counts_late_events_up_to_the_snapshot_s_day_by_the_local_calendar() {
    let lines = [
        click("last second", at("2026-11-22 18:29:59"), "b1"),
        click("tomorrow", at("2026-11-22 18:30:00"), "b1"),
        click("first second", at("2026-11-21 18:30:00"), "b1"),
        click("yesterday", at("2026-11-21 18:29:59"), "b1"),
    ];
    let exports = TestExports::small()
        .telemetry("date=2026-11-22/a.json", lines[2..].concat().as_bytes())
        .telemetry("date=2026-12-01/b.json.gz", lines[..3].concat().as_bytes());
    let downloads = |window| {
        let arguments = ["--level", "all", "--window", window, "--format", "csv", "--date", DATE];
        csv_columns(&exports.output("ratio", &arguments), &["downloads"])
            .trim_end()
            .to_owned()
    };
    assert_eq!(["all", "1d"].map(downloads), ["3", "2"]);
}

#[test]
fn the_same_click_from_every_source_counts_once() {
    let exports = TestExports::small()
        .table("batches", &batches("('b1', 'c1', 't1')"))
        .table(
            "download_events",
            "select 'm' as mid, to_timestamp('2026-11-20T12:00:00') as event_time, 'u1' as user_id, 'c1' as course_id,
                'b1' as batch_id, 't1' as tenant_id",
        )
        .telemetry("date=2026-11-20/a.json", (noon("m") + &noon("m")).as_bytes())
        .telemetry("date=2026-11-21/a.json.gz", noon("m").as_bytes());
    let events = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(events.path().join("date=2026-11-20")).expect("a folder");
    // Pragati's own clicks are known by Pragati's own words, whatever the rule for the platform's is.
    let own = noon("m") + &noon("own");
    let own = own.replace("\"download\"", "\"download-progress-report\"");
    std::fs::write(events.path().join("date=2026-11-20/own.ndjson"), own).expect("a file");
    let config = exports.config("telemetry.pages = ['another']");
    let arguments = [
        "--events",
        events.path().to_str().expect("UTF-8"),
        "--level",
        "all",
        "--format",
        "csv",
    ];
    let downloads = |more: &[&str]| {
        let csv = exports.output("ratio", &[arguments.as_slice(), more].concat());
        csv_columns(&csv, &["downloads"]).trim_end().to_owned()
    };
    assert_eq!(downloads(&[]), "2");
    assert_eq!(downloads(&["--config", &config]), "2");
}
