//! `GET /api/v1/batches`, the list behind "My batches": access to batches and their figures, search and order.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::running_service::{RunningService, Setup};
use crate::support::{TestExports, course_progress, enrolments, users};

const PATH: &str = "/api/v1/batches";
const ADMIN: &str = "dev:asha,,pragati-admin";
const OF_T1: &str = "dev:ravi,,pragati-tenant-admin:t1";

const USERS: &str = "('u1'), ('u2'), ('u3'), ('u4')";

const BATCHES: &str = "
    select * from (values
        ('b1', 'c1', 'Third batch', 't1', 'maker', make_array('mentor')),
        ('b2', 'c2', cast(null as varchar), 't2', 'other', make_array('mentor')),
        ('b3', 'c1', 'first Batch', 't1', 'maker', make_array('helper')),
        ('b4', cast(null as varchar), 'गणित', cast(null as varchar), 'maker', make_array('helper'))
    ) as batches(batch_id, course_id, batch_name, tenant_id, created_by, mentors)";

const COURSES: &str = "
    select * from (values ('c1', 'Child Rights'), ('c9', 'Of no batch'), ('c2', ' '))
        as courses(course_id, course_name)";

const CLICKS: &str = "
    select mid, to_timestamp(event_time) as event_time, 'u1' as user_id, 'c1' as course_id, batch_id,
        cast(null as varchar) as tenant_id
    from (values
        ('m1', '2026-11-01T10:00:00', 'b1'), ('m2', '2026-11-20T10:00:00', 'b1'), ('m3', '2026-11-19T10:00:00', 'b2')
    ) as download_events(mid, event_time, batch_id)";

/// Four learners of b1, of whom one has one percent and one has completed nothing; one who has completed b2; one who
/// left b3; nobody in b4.
fn setup() -> Setup {
    let rows = "('u1', 'c1', 'b1', '2026-10-01T00:00:00', true), ('u2', 'c1', 'b1', '2026-10-01T00:00:00', true),
        ('u3', 'c1', 'b1', '2026-10-01T00:00:00', true), ('u4', 'c1', 'b1', '2026-10-01T00:00:00', true),
        ('u1', 'c2', 'b2', '2026-10-01T00:00:00', true), ('u1', 'c1', 'b3', '2026-10-01T00:00:00', false)";
    let of_b1 = course_progress("('u1', 0, null), ('u2', 1, cast(null as varchar))");
    let progress = format!(
        "{of_b1} union all select 'u1', 'c2', 'b2', cast(100 as double),
            arrow_cast('2026-11-02T00:00:00', 'Timestamp(Millisecond, Some(\"UTC\"))')"
    );
    let exports = TestExports::empty()
        .table("users", &users(USERS))
        .table("enrolments", &enrolments(rows))
        .table("course_progress", &progress)
        .table("batches", BATCHES)
        .table("download_events", CLICKS)
        .table("courses", COURSES);
    Setup::over(exports)
}

fn page(service: &RunningService, token: &str, query: &str) -> Value {
    let answer = service.get(token, &format!("{PATH}{query}"));
    assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
    answer.json()
}

fn ids(page: &Value) -> String {
    let items = page["items"].as_array().expect("items").iter();
    let ids: Vec<&str> = items.map(|item| item["batch_id"].as_str().expect("an id")).collect();
    ids.join(" ")
}

#[test]
fn a_mentor_sees_how_far_the_learners_of_each_batch_are() {
    let service = setup().start();
    let seen = page(&service, "dev:mentor", "");
    assert_eq!(
        seen,
        json!({
            "snapshot_date": "2026-11-22", "counted": true, "changes_since": null, "total": 2, "next": null,
            "items": [
                {
                    "batch_id": "b1", "batch_name": "Third batch", "course_id": "c1", "course_name": "Child Rights",
                    "tenant_id": "t1", "tenant_name": null, "rows": null, "learners": 4, "completed": 0, "average_progress": 0.3,
                    "change": null, "downloads": null, "last_download": null
                },
                {
                    "batch_id": "b2", "batch_name": null, "course_id": "c2", "course_name": null, "tenant_id": "t2",
                    "tenant_name": null,
                    "rows": null, "learners": 1, "completed": 1, "average_progress": 100.0, "change": null,
                    "downloads": null, "last_download": null
                }
            ]
        })
    );
    // Who left a batch is no learner of it, and a batch without any has no average.
    let helper = page(&service, "dev:helper", "");
    assert_eq!(ids(&helper), "b3 b4");
    for item in helper["items"].as_array().expect("items") {
        assert_eq!(
            (&item["learners"], &item["completed"], &item["average_progress"]),
            (&json!(0), &json!(0), &Value::Null)
        );
    }
}

#[test]
fn nobody_sees_a_batch_of_others_whatever_they_ask_for() {
    let service = setup().start();
    for query in [
        "",
        "?search=b1",
        "?search=child",
        "?sort=-downloads",
        "?offset=1",
        "?after=a",
    ] {
        // The creator of a batch of another tenant.
        let seen = page(&service, "dev:other", query);
        let expected = match query {
            "?search=b1" | "?search=child" => (0, ""),
            "?offset=1" => (1, ""),
            _ => (1, "b2"),
        };
        assert_eq!(
            (seen["total"].as_u64(), ids(&seen).as_str()),
            (Some(expected.0), expected.1),
            "{query}"
        );
        let nobody = page(&service, "dev:nobody", query);
        assert_eq!((&nobody["total"], ids(&nobody).as_str()), (&json!(0), ""), "{query}");
    }
    assert_eq!(ids(&page(&service, OF_T1, "")), "b1 b3");
    assert_eq!(ids(&page(&service, ADMIN, "")), "b1 b2 b3 b4");
    let answer = service.send(service.request(Method::GET, PATH));
    assert_eq!(answer.problem(), (401, "not-logged-in".to_owned()));
}

#[test]
fn downloads_are_for_admins() {
    let service = setup().start();
    let downloads = |token: &str| {
        let seen = page(&service, token, "?sort=-downloads");
        let items = seen["items"].as_array().expect("items").iter();
        items
            .map(|item| {
                (
                    item["batch_id"].clone(),
                    item["downloads"].clone(),
                    item["last_download"].clone(),
                )
            })
            .collect::<Vec<_>>()
    };
    let of_b1 = (json!("b1"), json!(2), json!("2026-11-20"));
    let of_b2 = (json!("b2"), json!(1), json!("2026-11-19"));
    let never = |id: &str| (json!(id), json!(0), Value::Null);
    assert_eq!(downloads(ADMIN), [of_b1.clone(), of_b2, never("b3"), never("b4")]);
    assert_eq!(downloads(OF_T1), [of_b1.clone(), never("b3")]);
    // An admin of one tenant who mentors a batch of another one sees the downloads of the first alone.
    let both = downloads("dev:mentor,,pragati-tenant-admin:t1");
    assert_eq!(both, [of_b1, never("b3"), (json!("b2"), Value::Null, Value::Null)]);
}

#[test]
fn batches_are_searched_and_ordered() {
    let service = setup().start();
    for (query, expected) in [
        ("?search=BATCH", "b1 b3"),
        ("?search=child%20rights", "b1 b3"),
        ("?search=c2", "b2"),
        ("?search=%E0%A4%97%E0%A4%A3", "b4"),
        ("?search=%25", ""),
        ("?search=", "b1 b2 b3 b4"),
        ("?sort=batch_name", "b2 b3 b1 b4"),
        ("?sort=-batch_name", "b4 b1 b3 b2"),
        ("?sort=batch_id", "b1 b2 b3 b4"),
        ("?sort=-batch_id", "b4 b3 b2 b1"),
        // By name where there is one, else by id: "c2", "child rights".
        ("?sort=course_name", "b2 b1 b3 b4"),
        ("?sort=-course_id", "b2 b1 b3 b4"),
        ("?sort=tenant_id", "b1 b3 b2 b4"),
        ("?sort=-learners", "b1 b2 b3 b4"),
        ("?sort=learners", "b3 b4 b2 b1"),
        ("?sort=-completed", "b2 b1 b3 b4"),
        // What is not known is last in both directions.
        ("?sort=average_progress", "b1 b2 b3 b4"),
        ("?sort=-average_progress", "b2 b1 b3 b4"),
        ("?sort=-learners&search=batch", "b1 b3"),
    ] {
        assert_eq!(ids(&page(&service, ADMIN, query)), expected, "{query}");
    }
}

#[test]
fn pages_have_bounds() {
    let service = setup().start();
    let seen = |query: &str| {
        let page = page(&service, ADMIN, query);
        (
            ids(&page),
            page["total"].as_u64(),
            page["next"].as_str().map(str::to_owned),
        )
    };
    let expected = |ids: &str, total, next: Option<&str>| (ids.to_owned(), Some(total), next.map(str::to_owned));
    assert_eq!(seen("?limit=3"), expected("b1 b2 b3", 4, Some("b3")));
    assert_eq!(seen("?limit=3&after=b3"), expected("b4", 4, None));
    assert_eq!(seen("?limit=4"), expected("b1 b2 b3 b4", 4, None));
    assert_eq!(seen("?limit=1&search=batch"), expected("b1", 2, Some("b1")));
    assert_eq!(seen("?limit=1&search=batch&after=b1"), expected("b3", 2, None));
    assert_eq!(seen("?sort=-batch_id&limit=2&offset=1"), expected("b3 b2", 4, None));
    assert_eq!(seen("?offset=1000000"), expected("", 4, None));
    assert_eq!(seen("?limit=1000&offset=4"), expected("", 4, None));
}

#[test]
fn wrong_parameters_are_refused() {
    let service = setup().start();
    let long = format!("?search={}", "x".repeat(201));
    for query in [
        "?limit=0",
        "?limit=1001",
        "?limit=-1",
        "?limit=x",
        "?offset=-1",
        "?offset=1000001",
        "?sort=",
        "?sort=rows",
        "?sort=--learners",
        "?sort=batch_id;drop",
        "?sort=learners&sort=completed",
        "?after=b1&sort=batch_id",
        "?after=b1&offset=1",
        "?page=2",
        &long,
    ] {
        let problem = service.get(ADMIN, &format!("{PATH}{query}")).problem();
        assert_eq!(problem, (400, "bad-request".to_owned()), "{query}");
    }
    let longest = format!("?search={}", "x".repeat(200));
    assert_eq!(page(&service, ADMIN, &longest)["total"], 0);
}

#[test]
fn figures_of_an_earlier_snapshot_are_not_shown_as_those_of_a_newer_one() {
    let service = setup().start();
    let day = "2026-11-23";
    let rows = "('u1', 'c1', 'b1', '2026-10-01T00:00:00', true)";
    let exports = &service.exports;
    for (table, sql) in [
        ("users", users(USERS)),
        ("enrolments", enrolments(rows)),
        ("course_progress", course_progress("('u1', 7, cast(null as varchar))")),
        ("batches", BATCHES.to_owned()),
        ("download_events", CLICKS.to_owned()),
        ("courses", COURSES.to_owned()),
    ] {
        let folder = exports.path().join(table).join(format!("date={day}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        crate::support::write_parquet(&folder.join("part-00000.parquet"), &sql);
    }
    service.runtime.block_on(service.parts.source.refresh());
    let seen = page(&service, "dev:mentor", "?limit=1");
    assert_eq!(
        (&seen["snapshot_date"], &seen["counted"], &seen["items"][0]["learners"]),
        (&json!(day), &json!(false), &Value::Null)
    );
    assert!(service.runtime.block_on(service.parts.batch_figures.load()));
    let seen = page(&service, "dev:mentor", "?limit=1");
    assert_eq!(
        (
            &seen["counted"],
            &seen["items"][0]["learners"],
            &seen["items"][0]["average_progress"]
        ),
        (&json!(true), &json!(1), &json!(7.0))
    );
}

mod in_a_browser {
    use super::*;
    use crate::browser::{browser_scripts, passes_in_browser};

    const DAYS: [&str; 2] = ["2026-11-21", "2026-11-22"];
    /// Batches of the mentor; there is one more, of somebody else.
    const BATCHES_OF_MENTOR: u64 = 12;

    /// In batch `i`, `i` learners, of whom the first half has completed it and the others are half through; none in the
    /// last one. The second learner of the second batch came on the second day. A name is markup, and one is missing.
    fn exports() -> TestExports {
        let learners = "(select unnest(generate_series(1, 11)) as i) as batches
            cross join (select unnest(generate_series(1, 11)) as j) as users
            where j <= i";
        let ids = "'u' || j as user_id, case when i % 2 = 1 then 'c1' else 'c2' end as course_id,
            'b' || lpad(cast(i as varchar), 2, '0') as batch_id";
        let time = |text: &str| format!("arrow_cast('{text}', 'Timestamp(Millisecond, Some(\"UTC\"))')");
        let enrolments = format!(
            "select {ids}, {} as enrolled_at, true as active from {learners}",
            time("2026-10-01T00:00:00")
        );
        let progress = format!(
            "select {ids}, case when j <= i / 2 then cast(100 as double) else cast(50 as double) end as progress_percent,
                case when j <= i / 2 then {} end as completed_at
            from {learners}",
            time("2026-10-05T00:00:00")
        );
        let batches = "
            select
                'b' || lpad(cast(i as varchar), 2, '0') as batch_id,
                case when i % 2 = 1 then 'c1' else 'c2' end as course_id,
                case when i = 3 then '<img src=x onerror=alert(1)>' when i <> 5 then 'Batch ' || i end as batch_name,
                case when i = 13 then 't2' else 't1' end as tenant_id,
                'maker' as created_by,
                make_array(case when i = 13 then 'other' else 'mentor' end) as mentors
            from (select unnest(generate_series(1, 13)) as i)";
        let users = "
            select 'u' || j as user_id, cast(null as varchar) as external_id, 'User ' || j as first_name,
                cast(null as varchar) as last_name, cast(null as varchar) as email, cast(null as varchar) as mobile,
                cast(null as varchar) as organization_name, cast(null as varchar) as district_name,
                cast(null as varchar) as school_name, 'Block ' || (j % 3) as block_name, 't1' as tenant_id
            from (select unnest(generate_series(1, 11)) as j)";
        let mut exports = TestExports::empty().table(
            "courses",
            "select * from (values ('c1', 'Child Rights & Safety')) as courses(course_id, course_name)",
        );
        let earlier = format!("{enrolments} and not (i = 2 and j = 2)");
        for (day, enrolments) in DAYS.into_iter().zip([&earlier, &enrolments]) {
            exports = exports
                .table_on("users", day, users)
                .table_on("enrolments", day, enrolments)
                .table_on("course_progress", day, &progress)
                .table_on("batches", day, batches);
        }
        exports
    }

    /// What the page must show of batch `i`, by the rule of [`exports`].
    fn expected(i: u64) -> Value {
        let learners = if i < BATCHES_OF_MENTOR { i } else { 0 };
        let completed = learners / 2;
        let percents = completed * 100 + (learners - completed) * 50;
        // Tenths, halves rounded up.
        let tenths = (percents * 20 + learners).checked_div(learners * 2);
        let name = match i {
            3 => Some("<img src=x onerror=alert(1)>".to_owned()),
            5 => None,
            i => Some(format!("Batch {i}")),
        };
        let (course_id, course_name) = if i % 2 == 1 {
            ("c1", Some("Child Rights & Safety"))
        } else {
            ("c2", None)
        };
        json!({
            "batch_id": format!("b{i:02}"), "batch_name": name, "course_id": course_id, "course_name": course_name,
            "learners": learners, "completed": completed, "average_progress": tenths.map(|tenths| tenths as f64 / 10.0),
            "change": (i == 2).then_some("1 new"),
        })
    }

    #[test]
    fn mentors_find_their_batches_and_get_reports() {
        let Some(scripts) = browser_scripts() else { return };
        let exports = exports();
        let nightly = tempfile::tempdir().expect("a folder");
        let place = nightly.path().display().to_string();
        for day in DAYS {
            exports.output("nightly", &["--date", day, "--out", &place]);
        }
        let mut setup = Setup::over(exports);
        setup.config.serve.reports = Some(place);
        let service = setup.start();
        service.keep_working();
        let batches: Vec<Value> = (1..=BATCHES_OF_MENTOR).map(expected).collect();
        let told = json!({"url": service.url, "mentor": "dev:mentor,mentor@example.org", "batches": batches});
        passes_in_browser(&scripts, "batches.mjs", service.folder.path(), &told);
    }
}
