//! The database's tables, as numbered steps: every file of `migrations/` once, in the order of the numbers their names
//! begin with.

use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/delivery/store/migrations");

/// The migrations of this build. A database records each by its number and checksum.
pub(super) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| Migrator::with_migrations(migrations()));

/// A file `0002_events.sql` is step 2, described as "events"; another name is none.
fn migrations() -> Vec<Migration> {
    let step = |file: &'static include_dir::File<'static>| {
        let (number, described) = file.path().file_stem()?.to_str()?.split_once('_')?;
        let described = described.replace('_', " ").into();
        let statements = file.contents_utf8()?.into_sql_str();
        Some(Migration::new(
            number.parse().ok()?,
            described,
            MigrationType::Simple,
            statements,
            false,
        ))
    };
    FILES.files().filter_map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_step_and_no_number_comes_twice() {
        let steps = migrations();
        assert_eq!(steps.len(), FILES.files().count());
        let mut numbers: Vec<i64> = steps.iter().map(|step| step.version).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), steps.len());
    }
}
