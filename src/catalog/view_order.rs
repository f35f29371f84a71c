//! Which queries are views, and in which order they are registered: each after the views that its SQL reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use datafusion::sql::parser::DFParser;
use datafusion::sql::resolve::resolve_table_references;

use super::error::CatalogError;
use crate::engine::TABLE_SCHEMA;
use crate::queries::{Queries, Query};

/// The built-in queries that say in their description that they are views.
static VIEWS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let built_in = Queries::default();
    let mut names = built_in.names("");
    names.retain(|name| built_in.get(name).is_ok_and(|query| query.is_view()));
    names
});

/// The order where a site replaces none of them, which is worked out once.
static BUILT_IN_ORDER: LazyLock<Option<Vec<&'static str>>> = LazyLock::new(|| ordered(&Queries::default()).ok());

/// The queries of all views, by name.
pub fn queries_of_views() -> impl Iterator<Item = &'static str> {
    VIEWS.iter().map(String::as_str)
}

/// The name of the view of a query.
pub fn view_of(query: &str) -> &str {
    query.rsplit('/').next().unwrap_or(query)
}

/// The queries of all views, each after those of the views that it reads. A site's own queries may read others than the
/// built-in ones do.
///
/// # Errors
/// Where a query cannot be read, or views read each other.
pub fn in_order(queries: &Queries) -> Result<Vec<&'static str>, CatalogError> {
    match &*BUILT_IN_ORDER {
        Some(order) if queries_of_views().all(|query| queries.is_built_in(query)) => Ok(order.clone()),
        _ => ordered(queries),
    }
}

/// A built-in query and the views that it reads, down to those in `tables`, which are left out. Each but the first is
/// read by one before it.
pub fn queries_down_to(query: &'static str, tables: &[&str]) -> Vec<&'static str> {
    let built_in = Queries::default();
    let mut found = vec![query];
    let mut next = 0;
    while let Some(&query) = found.get(next) {
        next += 1;
        let read = built_in.get(query).map(|query| tables_read_by(&query));
        let read = read.unwrap_or_default();
        for view in queries_of_views().filter(|view| read.contains(view_of(view))) {
            if !tables.contains(&view_of(view)) && !found.contains(&view) {
                found.push(view);
            }
        }
    }
    found
}

fn ordered(queries: &Queries) -> Result<Vec<&'static str>, CatalogError> {
    let mut reads = BTreeMap::new();
    for query in queries_of_views() {
        reads.insert(query, tables_read_by(&queries.get(query)?));
    }
    sorted(reads).map_err(|left| {
        let views: Vec<&str> = left.into_iter().map(view_of).collect();
        CatalogError::ViewsInCircle(views.join(", "))
    })
}

/// The tables and views that a query reads by their names alone; none where it is no SQL, which planning it tells.
fn tables_read_by(query: &Query) -> BTreeSet<String> {
    let statements = DFParser::parse_sql(&query.sql).unwrap_or_default();
    let read = statements.iter().filter_map(|statement| {
        let (tables, _common_table_expressions) = resolve_table_references(statement, true).ok()?;
        Some(tables)
    });
    let here = read
        .flatten()
        .filter(|table| table.schema().is_none_or(|schema| schema == TABLE_SCHEMA));
    here.map(|table| table.table().to_owned()).collect()
}

/// The queries, given with what they read, each after those of the views that it reads; otherwise, as an error, those
/// among which some read each other.
fn sorted<'a>(mut waiting: BTreeMap<&'a str, BTreeSet<String>>) -> Result<Vec<&'a str>, Vec<&'a str>> {
    let mut order = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let views: BTreeSet<&'a str> = waiting.keys().map(|&query| view_of(query)).collect();
        let is_ready = |reads: &BTreeSet<String>| reads.iter().all(|table| !views.contains(table.as_str()));
        let ready: Vec<&'a str> = waiting
            .iter()
            .filter(|&(_, reads)| is_ready(reads))
            .map(|(&query, _)| query)
            .collect();
        if ready.is_empty() {
            return Err(waiting.into_keys().collect());
        }
        waiting.retain(|query, _| !ready.contains(query));
        order.extend(ready);
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn place(order: &[&str], query: &str) -> usize {
        let place = order.iter().position(|other| *other == query);
        place.unwrap_or_else(|| panic!("{query} is no view: {order:?}"))
    }

    fn site_query(folder: &Path, name: &str, sql: &str) {
        let file = folder.join(format!("{name}.sql"));
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, format!("-- Ours.\n{sql}")).expect("a query");
    }

    #[test]
    fn built_in_views_come_after_those_that_they_read() {
        let queries = Queries::default();
        let order = in_order(&queries).expect("no circle");
        assert_eq!(order.len(), queries_of_views().count());
        let mut read = 0;
        for (at, query) in order.iter().enumerate() {
            let tables = tables_read_by(&queries.get(query).expect("built in"));
            for view in order.iter().filter(|other| tables.contains(view_of(other))) {
                assert!(place(&order, view) < at, "{query} comes before {view}");
                read += 1;
            }
        }
        assert!(read > 20, "{read}");
        assert!(place(&order, "reports/enrolment_details") < place(&order, "reports/course_progress_report"));
        // A query of all reports is no view.
        assert!(!order.contains(&"reports/all_reports"));
    }

    #[test]
    fn what_a_query_reads_is_found_down_to_the_tables() {
        let mut details = queries_down_to("reports/enrolment_details", &["distinct_batches"]);
        assert_eq!(details[0], "reports/enrolment_details");
        details.sort_unstable();
        let expected = [
            "reports/enrolment_details",
            "reports/report_batches",
            "staging/distinct_course_progress",
            "staging/distinct_enrolments",
            "staging/distinct_users",
            "staging/numeric_course_progress",
        ];
        assert_eq!(details, expected);
        let reports = queries_down_to("reports/all_reports", &["enrolment_details"]);
        assert_eq!(reports, ["reports/all_reports", "reports/course_progress_report"]);
        assert!(queries_down_to("reports/all_reports", &[]).contains(&"staging/distinct_batches"));
    }

    #[test]
    fn views_of_a_site_are_ordered_by_what_its_own_queries_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let built_in = in_order(&Queries::default()).expect("no circle");
        let (first, last) = ("metrics/batches_by_level", "metrics/download_ratio_overall");
        assert!(place(&built_in, first) < place(&built_in, last));
        // A common table expression is not the view of its name, which reads this one.
        let named = "download_ratio_over_time";
        let own = format!("with {named} as (select * from download_ratio_overall) select * from {named}");
        site_query(folder.path(), first, &own);
        let order = in_order(&Queries::new(Some(folder.path().to_owned()))).expect("no circle");
        assert!(place(&order, last) < place(&order, first), "{order:?}");
        assert_eq!(order.len(), built_in.len());
    }

    #[test]
    fn views_that_read_each_other_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        site_query(
            folder.path(),
            "staging/distinct_batches",
            "select * from report_batches",
        );
        let circle = in_order(&Queries::new(Some(folder.path().to_owned())));
        let message = circle.expect_err("a circle").to_string();
        assert!(
            message.contains("distinct_batches") && message.contains("report_batches"),
            "{message}"
        );
        assert!(!message.contains("distinct_users"), "{message}");
        let itself = BTreeMap::from([
            ("a/one", BTreeSet::from(["one".to_owned()])),
            ("a/two", BTreeSet::new()),
        ]);
        assert_eq!(sorted(itself), Err(vec!["a/one"]));
    }
}
