//! Names of courses and tenants, where the exports have them: beside ids, wherever people read.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::figures::{ADMIN, clicked, json_rows};
use crate::running_endpoint::EndpointSetup;
use crate::running_service::{RunningService, Setup};
use crate::support::TestExports;

const COURSES: &str = "select * from (values ('c1', 'गणित'), ('c1', 'भाषा'), ('c9', ' '), (null, 'Nothing'))
    as courses(course_id, course_name)";
const TENANTS: &str =
    "select * from (values ('t1', 'Tamil Nadu'), ('t2', 'Odisha')) as tenants(tenant_id, tenant_name)";

fn named() -> TestExports {
    clicked().table("courses", COURSES).table("tenants", TENANTS)
}

fn rows_of(service: &RunningService, path: &str) -> Vec<Value> {
    let answer = service.get(ADMIN, path);
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let page = answer.json();
    let rows = page.get("rows").or_else(|| page.get("items"));
    rows.and_then(Value::as_array).expect("rows").clone()
}

#[test]
fn the_ratio_has_names_as_its_last_columns() {
    let plain = clicked().output("ratio", &["--format", "csv"]);
    let csv = named().output("ratio", &["--format", "csv"]);
    // The first of two names; a blank one is none.
    for (line, before) in csv.lines().zip(plain.lines()).skip(1) {
        let ids: Vec<&str> = line.split(',').collect();
        let course = if ids[1] == "c1" { "गणित" } else { "" };
        let tenant = match ids[2] {
            "t1" => "Tamil Nadu",
            "t2" => "Odisha",
            _ => "",
        };
        assert_eq!(line, format!("{before},{course},{tenant}"));
    }
    assert_eq!(csv.lines().count(), plain.lines().count());
    let header = csv.lines().next().unwrap_or_default();
    assert_eq!(
        header,
        format!("{},course_name,tenant_name", plain.lines().next().unwrap_or_default())
    );
}

#[test]
fn with_one_of_the_tables_there_is_one_more_column() {
    let exports = clicked().table("tenants", TENANTS);
    let rows = json_rows(&exports, &["--level", "tenant"]);
    let t1 = rows.iter().find(|row| row["tenant_id"] == "t1").expect("t1");
    assert_eq!(t1["tenant_name"], "Tamil Nadu");
    assert!(t1.get("course_name").is_none(), "{t1}");
}

#[test]
fn what_is_explained_is_called_by_its_name() {
    let (_, said) = named().output_and_talk("ratio", &["--explain", "course:c1"]);
    assert!(said.contains("c1 (गणित)"), "{said}");
}

#[test]
fn the_api_gives_and_finds_names() {
    let service = Setup::over(named()).start();
    let courses = rows_of(&service, "/api/v1/download-ratio?level=course&course_id=c1");
    assert_eq!(courses[0]["course_name"], "गणित");
    let found = rows_of(&service, "/api/v1/download-ratio?level=tenant&search=odi");
    assert_eq!((found.len(), &found[0]["tenant_id"]), (1, &json!("t2")));
    let batches = rows_of(&service, "/api/v1/download-ratio/batches?search=tamil");
    assert!(!batches.is_empty() && batches.iter().all(|batch| batch["tenant_id"] == "t1"));
    let mine = rows_of(&service, "/api/v1/batches");
    let b1 = mine.iter().find(|batch| batch["batch_id"] == "b1").expect("b1");
    assert_eq!(
        (&b1["course_name"], &b1["tenant_name"]),
        (&json!("गणित"), &json!("Tamil Nadu"))
    );
}

#[test]
fn without_names_nothing_is_said_of_them() {
    let service = Setup::over(clicked()).start();
    for path in ["/api/v1/download-ratio", "/api/v1/download-ratio/batches"] {
        let rows = rows_of(&service, path);
        assert!(rows[0].get("course_name").is_none(), "{path} {rows:?}");
    }
    let batches = rows_of(&service, "/api/v1/batches");
    for name in ["course_name", "tenant_name"] {
        assert!(batches.iter().all(|batch| batch[name].is_null()), "{name} {batches:?}");
    }
}

#[test]
fn names_are_tables_of_sql_and_each_tenant_sees_its_own() {
    let endpoint = EndpointSetup::over(named())
        .user("all", "all_tenants = true")
        .user("one", "tenants = ['t2']")
        .user("nobody", "tenants = ['t9']")
        .start();
    let count = |user, table: &str| endpoint.value(user, &format!("select count(*) from {table}"));
    assert_eq!(
        (count("all", "courses"), count("all", "tenants")),
        ("4".to_owned(), "2".to_owned())
    );
    assert_eq!(
        (count("one", "courses"), count("one", "tenants")),
        ("2".to_owned(), "1".to_owned())
    );
    assert_eq!(
        (count("nobody", "courses"), count("nobody", "tenants")),
        ("0".to_owned(), "0".to_owned())
    );
}
