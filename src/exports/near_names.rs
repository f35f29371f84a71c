//! Finds folders and Parquet files of the exports that are read as no table, although their names are nearly those of
//! tables.
//!
//! An optional table in such a folder, `Batches` or `course-progress`, or in a file `batches.parquet`, would be missing
//! without a word.

use datafusion::common::utils::datafusion_strsim::levenshtein;
use object_store::ListResult;
use object_store::path::Path;
use tracing::debug;

use super::contract::Table;
use super::listing::{PARQUET_ENDINGS, list_folder};
use super::location::Location;
use super::note::ExportNote;
use super::snapshot::TableFolder;

/// Letters of the names from which on two differences are a slip too; in shorter ones, only one is.
const LONG_NAME: usize = 7;

/// The remarks on folders of `root` that are none of `tables`, and on Parquet files in it, that are named nearly like a table
/// of the contract that is looked for under its own name.
///
/// Where the root cannot be listed, there are none: credentials may be limited to the folders of the tables.
pub async fn near_names(root: &Location, tables: &[TableFolder]) -> Vec<ExportNote> {
    let expected: Vec<&TableFolder> = tables.iter().filter(|table| is_at_its_name(root, table)).collect();
    if expected.is_empty() {
        return Vec::new();
    }
    let found = match list_folder(root, &root.prefix).await {
        Ok(found) => found,
        Err(error) => {
            debug!("folders with names nearly like those of tables are not looked for: {error}");
            return Vec::new();
        }
    };
    let others = found
        .common_prefixes
        .iter()
        .filter(|folder| !holds_table(root, folder, tables));
    let notes = others.filter_map(|folder| {
        let name = folder.filename()?;
        let table = nearest(name, expected.iter().map(|table| table.name.as_str()))?;
        let text = format!(
            "'{}' is not read, although its name is nearly that of the table; if it holds the table, rename it to {table} or set tables.{table}.path",
            root.display(folder)
        );
        Some(ExportNote::new(table, text))
    });
    let files = found.objects.iter().filter_map(|object| {
        let stem = stem_of_table(object.location.filename()?)?;
        let table = nearest(stem, expected.iter().map(|table| table.name.as_str()))?;
        let text = format!(
            "'{}' is a file beside the tables and is not read; if it holds the table, move it into a folder {table}/date=YYYY-MM-DD",
            root.display(&object.location)
        );
        Some(ExportNote::new(table, text))
    });
    notes.chain(files).collect()
}

/// The name of a file that may hold a table, without its ending; `None` for a file of another kind.
fn stem_of_table(file: &str) -> Option<&str> {
    match file.split_once('.') {
        None => Some(file),
        Some((stem, endings)) => {
            let mut endings = endings.split('.');
            let is_parquet = |ending: &str| PARQUET_ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known));
            endings.any(is_parquet).then_some(stem)
        }
    }
}

/// The remark on an optional table of the contract that is looked for elsewhere than under its own name, where there is
/// nothing: its listing is empty.
pub fn nothing_at_path(root: &Location, table: &TableFolder, found: &ListResult) -> Option<ExportNote> {
    let is_empty = found.common_prefixes.is_empty() && found.objects.is_empty();
    let is_of_contract = Table::from_name(&table.name).is_some();
    let is_missing = is_empty && is_of_contract && !table.required && !is_at_its_name(root, table);
    is_missing.then(|| {
        let text = format!(
            "there is nothing at {}, so it counts as not exported; correct tables.{}.path, or export it there",
            table.location, table.name
        );
        ExportNote::new(&table.name, text)
    })
}

/// Whether a table of the contract lies in the folder of its name.
fn is_at_its_name(root: &Location, table: &TableFolder) -> bool {
    let own = root.prefix.clone().join(table.name.as_str());
    Table::from_name(&table.name).is_some() && table.location.root == root.root && table.location.prefix == own
}

/// Whether a table lies in the folder, or below it.
fn holds_table(root: &Location, folder: &Path, tables: &[TableFolder]) -> bool {
    let is_there = |table: &TableFolder| table.location.prefix.prefix_matches(folder);
    tables
        .iter()
        .any(|table| table.location.root == root.root && is_there(table))
}

/// The table whose name differs least from that of a folder, and by no more than a slip.
fn nearest<'a>(folder: &str, tables: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if folder.starts_with(['_', '.']) {
        return None;
    }
    let given = plain(folder);
    let near = tables.filter_map(|table| {
        let name = plain(table);
        let most = if name.len() < LONG_NAME { 1 } else { 2 };
        let differences = levenshtein(&given, &name);
        (differences <= most).then_some((differences, table))
    });
    near.min().map(|(_, table)| table)
}

/// The letters and digits of a name, in lower case.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(folder: &str) -> Option<&'static str> {
        nearest(folder, Table::ALL.into_iter().map(Table::name))
    }

    #[test]
    fn files_that_may_hold_a_table_are_known_by_their_ending() {
        for file in ["batches", "batches.parquet", "batches.snappy.PARQUET", "batches.pq.gz"] {
            assert_eq!(stem_of_table(file), Some("batches"), "{file}");
        }
        for file in ["batches.csv", "batches.md", "batches.", "batches.parquets"] {
            assert_eq!(stem_of_table(file), None, "{file}");
        }
    }

    #[test]
    fn slips_are_near_and_other_names_are_not() {
        for (folder, table) in [
            ("Batches", "batches"),
            ("BATCHES", "batches"),
            ("batches ", "batches"),
            ("batch", "batches"),
            ("Users", "users"),
            ("user", "users"),
            ("enrollments", "enrolments"),
            ("enrollment", "enrolments"),
            ("course-progress", "course_progress"),
            ("courseProgress", "course_progress"),
            ("course progress", "course_progress"),
            ("downloadevents", "download_events"),
            ("course", "courses"),
            ("tenant", "tenants"),
        ] {
            assert_eq!(near(folder), Some(table), "{folder}");
        }
        for folder in [
            "_batches",
            ".batches",
            "telemetry",
            "telemetry_events",
            "user_org",
            "course_batch",
            "uses_of_batches",
            "events",
            "reports",
            "organisation",
            "",
            "date=2026-11-22",
        ] {
            assert_eq!(near(folder), None, "{folder}");
        }
    }
}
