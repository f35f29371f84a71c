//! The SQL of the views, a file each: a file of `pg_catalog/` or `information_schema/` is the view of its name, and
//! replaces the library's table of that name, where there is one.

use include_dir::{Dir, include_dir};

static PG_CATALOG: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/postgres/catalog/system/pg_catalog");
static INFORMATION_SCHEMA: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/postgres/catalog/system/information_schema");

/// Tables of the library that only administrators read.
pub const HIDDEN: &[&str] = &["pg_authid", "pg_shadow"];

/// The end of the SQL of views that never have rows, whatever the exports hold.
const NO_ROWS: &str = "where false";

/// The views of `pg_catalog`: names and SQL.
pub fn pg_catalog() -> impl Iterator<Item = (&'static str, &'static str)> {
    of_folder(&PG_CATALOG)
}

/// All of `information_schema`.
pub fn information_schema() -> impl Iterator<Item = (&'static str, &'static str)> {
    of_folder(&INFORMATION_SCHEMA)
}

/// Whether a table of `pg_catalog` has no rows here, whatever the exports hold.
pub fn is_always_empty(name: &str) -> bool {
    let file = PG_CATALOG.get_file(format!("{name}.sql"));
    file.and_then(|file| file.contents_utf8())
        .is_some_and(|sql| sql.trim_end().ends_with(NO_ROWS))
}

fn of_folder(folder: &'static Dir<'static>) -> impl Iterator<Item = (&'static str, &'static str)> {
    folder.files().filter_map(|file| {
        let name = file.path().file_stem()?.to_str()?;
        Some((name, file.contents_utf8()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_without_rows_is_told_by_its_sql() {
        for (name, expected) in [("pg_policies", true), ("pg_class", false), ("no_such_table", false)] {
            assert_eq!(is_always_empty(name), expected, "{name}");
        }
        assert!(pg_catalog().any(|(name, sql)| name == "pg_class" && sql.starts_with("-- One row a relation")));
        assert!(information_schema().count() > 10);
    }
}
