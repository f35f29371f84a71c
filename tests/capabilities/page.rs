//! The page at `/`: what it is made of, and what people see of it in a real browser.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::browser::{browser_scripts, passes_in_browser};
use crate::figures::json_rows;
use crate::node::packages;
use crate::running_service::{Answer, RunningService, Setup};
use crate::support::{BATCHES, TestExports};

/// The file of Chart.js and its licence, and where its package has them.
const VENDORED: [(&str, &str); 2] = [
    ("chart.js", "dist/chart.umd.min.js"),
    ("chart.js-LICENSE.md", "LICENSE.md"),
];
const CHART_SHA256: &str = "87364cc2b2a76a6684929e7d6b80b18a897794db38400caff1fcf1791c6925d2";

fn page(service: &RunningService) -> (Answer, String) {
    let answer = service.send(service.request(Method::GET, "/"));
    let text = String::from_utf8(answer.body.clone()).expect("UTF-8");
    (answer, text)
}

/// The paths that an attribute names.
fn named<'a>(text: &'a str, attribute: &str) -> Vec<&'a str> {
    let parts = text.split(attribute).skip(1);
    parts.filter_map(|part| part.split('"').next()).collect()
}

#[test]
fn the_page_needs_only_the_service_and_runs_nothing_else() {
    let service = Setup::new().start();
    let (answer, text) = page(&service);
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "same-origin");
    let policy = answer.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(
        !text.contains("style=\"") && !text.contains("onclick"),
        "nothing inline"
    );
    let paths: Vec<&str> = named(&text, "src=\"")
        .into_iter()
        .chain(named(&text, "href=\""))
        .collect();
    assert!(paths.len() >= 5, "{paths:?}");
    // Signing in is a page of the service, and no file.
    let is_file = |path: &&str| !path.starts_with('#') && *path != "sign-in";
    for path in paths.into_iter().filter(is_file) {
        assert!(path.starts_with("assets/"), "{path} is not of the service");
        let file = service.send(service.request(Method::GET, &format!("/{path}")));
        assert_eq!(file.status, StatusCode::OK, "{path}");
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
        let again = service.request(Method::GET, &format!("/{path}"));
        let again = service.send(again.header("If-None-Match", file.header("etag")));
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    }
    let old = service.send(service.request(Method::GET, "/assets/0123456789abcdef/main.js"));
    assert_eq!(old.problem(), (404, "not-found".to_owned()));
    let again = service.request(Method::GET, "/");
    let again = service.send(again.header("If-None-Match", answer.header("etag")));
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
}

#[test]
fn the_chart_library_is_the_package_s_own_file() {
    let vendor = concat!(env!("CARGO_MANIFEST_DIR"), "/src/server/page/vendor");
    let read = |name: &str| std::fs::read(format!("{vendor}/{name}")).expect("a file");
    let library = read("chart.js");
    let digest = Sha256::digest(&library);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, CHART_SHA256);
    let lock = include_str!("../browser/package-lock.json");
    let lock: Value = serde_json::from_str(lock).expect("JSON");
    let version = lock["packages"]["node_modules/chart.js"]["version"]
        .as_str()
        .expect("a version");
    assert!(library.starts_with(format!("/*!\n * Chart.js v{version}\n").as_bytes()));
    let Some(folder) = packages("browser") else { return };
    for (name, original) in VENDORED {
        let original = std::fs::read(folder.join("node_modules/chart.js").join(original)).expect("the package's file");
        assert!(read(name) == original, "{name}");
    }
}

#[test]
fn the_page_shows_the_rows_of_the_sql() {
    let Some(scripts) = browser_scripts() else { return };
    let exports = many_batches();
    let never = exports.output(
        "sql",
        &[
            "--format",
            "json",
            "-c",
            "select batch_id from distinct_batches where batch_id not in
                (select batch_id from distinct_download_events where batch_id is not null)",
        ],
    );
    let never: Vec<Value> = serde_json::from_str(&never).expect("JSON");
    let never: Vec<&Value> = never.iter().map(|row| &row["batch_id"]).collect();
    let (nightly, _) = exports.nightly(&[]);
    let windows = ["all", "30d", "7d", "1d"];
    let expected: Vec<Value> = windows
        .iter()
        .flat_map(|window| json_rows(&exports, &["--window", window]))
        .collect();
    let over_time = json_rows(&exports, &["--by", "week"]);
    let mut setup = Setup::over(exports);
    setup.config.serve.reports = Some(nightly.path().display().to_string());
    let service = setup.start();
    service.keep_working();
    let nothing = format!("select * from ({BATCHES}) where false");
    let empty = Setup::over(TestExports::small().table("batches", &nothing)).start();
    let told = json!({
        "url": service.url, "emptyUrl": empty.url, "expected": expected, "overTime": over_time, "never": never,
    });
    passes_in_browser(&scripts, "page.mjs", service.folder.path(), &told);
}

/// 160 batches of 41 courses and three tenants, the last ones without clicks; a name and an id are markup.
fn many_batches() -> TestExports {
    let batches = "
        select
            'b' || i as batch_id,
            case when i % 41 = 27 then 'c<b>1</b>' else 'c' || (i % 41) end as course_id,
            case when i = 150 then '<img src=x onerror=alert(1)>' else 'Batch ' || i end as batch_name,
            't' || (i % 3) as tenant_id,
            cast(arrow_cast(20454 + i % 150, 'Int32') as date) as start_date
        from (select unnest(generate_series(1, 160)) as i)";
    let clicks = "
        select
            'm' || i as mid,
            to_timestamp(1795324000 - i * i * 37) as event_time,
            'u' || (i % 7) as user_id,
            cast(null as varchar) as course_id,
            'b' || (1 + (i * i) % 97) as batch_id,
            cast(null as varchar) as tenant_id
        from (select unnest(generate_series(1, 900)) as i)";
    TestExports::small()
        .table("batches", batches)
        .table("download_events", clicks)
}
