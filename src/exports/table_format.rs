//! Recognises table formats (Delta Lake, Iceberg, Hudi), whose data files alone do not define the table's rows.
//!
//! Such a format has a table log beside its data files. Deleted and replaced rows stay in files that the log no longer
//! names, so reading every file would return them. A folder with such a log is an error, unless the log can be read.

use object_store::ListResult;
use object_store::path::Path;

use super::error::ExportsError;
use super::listing::list_folder;
use super::location::Location;

/// The folder in a Delta Lake table that holds its log.
pub const DELTA_LOG: &str = "_delta_log";

/// A table format with a log of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    Delta,
    Iceberg,
    Hudi,
}

impl TableFormat {
    /// The usual name of the format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delta => "Delta Lake",
            Self::Iceberg => "Iceberg",
            Self::Hudi => "Hudi",
        }
    }

    /// How to export such a table as plain files.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Delta if cfg!(feature = "delta") => {
                "spark.read.format(\"delta\").load(…).write.parquet(…), or deltalake's to_pyarrow_dataset()"
            }
            Self::Delta => {
                "spark.read.format(\"delta\").load(…).write.parquet(…), or read it by a program that was built with \
                 `cargo build --release --features delta`"
            }
            Self::Iceberg => "spark.table(…).write.parquet(…), or pyiceberg's scan().to_arrow()",
            Self::Hudi => "spark.read.format(\"hudi\").load(…).write.parquet(…)",
        }
    }

    /// The format that has a log file at this path, relative to the folder of a table or of a day.
    pub fn of_object<'a>(mut parts: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut before = None;
        parts.find_map(|part| {
            let format = match part {
                DELTA_LOG => Some(Self::Delta),
                ".hoodie" => Some(Self::Hudi),
                name if before == Some("metadata") && is_iceberg_metadata(name) => Some(Self::Iceberg),
                _ => None,
            };
            before = Some(part);
            format
        })
    }
}

/// Whether a file in a folder `metadata` is one of Iceberg's metadata files.
fn is_iceberg_metadata(name: &str) -> bool {
    name.ends_with(".metadata.json") || name == "version-hint.text"
}

/// Finds the log in the folder of a table, whose direct content is `found`, or beside it where the folder is the `data`
/// folder of a table.
///
/// # Errors
/// Where a folder cannot be listed.
pub async fn find_log(location: &Location, found: &ListResult) -> Result<Option<(TableFormat, Path)>, ExportsError> {
    if let Some(log) = log_among(location, found).await? {
        return Ok(Some(log));
    }
    let mut parts: Vec<_> = location.prefix.parts().collect();
    if parts.pop().is_none_or(|last| last.as_ref() != "data") {
        return Ok(None);
    }
    let parent: Path = parts.into_iter().collect();
    let beside = list_folder(location, &parent).await?;
    log_among(location, &beside).await
}

async fn log_among(location: &Location, found: &ListResult) -> Result<Option<(TableFormat, Path)>, ExportsError> {
    for folder in &found.common_prefixes {
        let format = match folder.filename() {
            Some(DELTA_LOG) => TableFormat::Delta,
            Some(".hoodie") => TableFormat::Hudi,
            Some("metadata") if has_iceberg_metadata(location, folder).await? => TableFormat::Iceberg,
            _ => continue,
        };
        return Ok(Some((format, folder.clone())));
    }
    Ok(None)
}

async fn has_iceberg_metadata(location: &Location, folder: &Path) -> Result<bool, ExportsError> {
    let found = list_folder(location, folder).await?;
    let mut names = found.objects.iter().filter_map(|object| object.location.filename());
    Ok(names.any(is_iceberg_metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Option<TableFormat> {
        TableFormat::of_object(path.split('/'))
    }

    #[test]
    fn a_log_is_known_by_its_folder() {
        assert_eq!(of("_delta_log/00000000000000000000.json"), Some(TableFormat::Delta));
        assert_eq!(of("state=KA/.hoodie/hoodie.properties"), Some(TableFormat::Hudi));
        assert_eq!(of("metadata/v1.metadata.json"), Some(TableFormat::Iceberg));
        assert_eq!(of("metadata/readme.json"), None);
        assert_eq!(of("v1.metadata.json"), None);
        assert_eq!(of("part-0.parquet"), None);
    }
}
