//! The SQL files of `queries/`: compiled in, replaceable file by file from a site's own folder, parameters bound as values.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use datafusion::common::{ParamValues, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use include_dir::{Dir, include_dir};

use crate::engine::EngineError;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/queries");

/// A query that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("query {name} cannot be read from {}: {reason}; check the folder given with --queries", path.display())]
    Unreadable {
        name: String,
        path: PathBuf,
        reason: String,
    },
    #[error("there is no query named {name}; known: {known}")]
    Unknown { name: String, known: String },
}

/// Where queries come from: the built-in files, and a folder whose files of the same name come first.
#[derive(Debug, Clone, Default)]
pub struct Queries {
    folder: Option<PathBuf>,
}

/// One SQL file.
#[derive(Debug, Clone)]
pub struct Query {
    /// `layer/name`, without `.sql`.
    pub name: String,
    /// The file that it was read from, for messages.
    pub source: String,
    pub sql: Cow<'static, str>,
}

/// Values for the `$name` parameters of a query.
#[derive(Debug, Clone, Default)]
pub struct Parameters(BTreeMap<String, ScalarValue>);

impl Parameters {
    /// With `$name` standing for `value`.
    pub fn with(mut self, name: &str, value: impl Into<ScalarValue>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    fn values(&self) -> ParamValues {
        let values = self.0.iter().map(|(name, value)| (name.clone(), value.clone()));
        values.collect::<Vec<_>>().into()
    }
}

impl Queries {
    /// The built-in queries, overridden by the files in `folder`, if any.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// The query `layer/name`.
    pub fn get(&self, name: &str) -> Result<Query, QueryError> {
        let file = format!("{name}.sql");
        if let Some(path) = self.overriding(name) {
            let sql = std::fs::read_to_string(&path).map_err(|error| QueryError::Unreadable {
                name: name.to_owned(),
                path: path.clone(),
                reason: error.to_string(),
            })?;
            return Ok(Query {
                name: name.to_owned(),
                source: path.display().to_string(),
                sql: Cow::Owned(sql),
            });
        }
        let built_in = BUILT_IN.get_file(&file).and_then(|file| file.contents_utf8());
        built_in
            .map(|sql| Query {
                name: name.to_owned(),
                source: format!("queries/{file}"),
                sql: Cow::Borrowed(sql),
            })
            .ok_or_else(|| QueryError::Unknown {
                name: name.to_owned(),
                known: self.names("").join(", "),
            })
    }

    /// Whether the query `layer/name` is not replaced by a site's own.
    pub fn is_built_in(&self, name: &str) -> bool {
        self.overriding(name).is_none()
    }

    fn overriding(&self, name: &str) -> Option<PathBuf> {
        let path = self.folder.as_ref()?.join(format!("{name}.sql"));
        path.exists().then_some(path)
    }

    /// The names under `prefix` (`""`, `staging`, `staging/sunbird`, …), in order, without repetition.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let mut names: Vec<String> = sql_files(&BUILT_IN);
        if let Some(folder) = &self.folder {
            collect_names(folder, "", &mut names);
        }
        let wanted = if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}/")
        };
        names.retain(|name| name.starts_with(&wanted));
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn sql_files(folder: &Dir<'_>) -> Vec<String> {
    let here = folder
        .files()
        .filter_map(|file| file.path().to_str()?.strip_suffix(".sql").map(str::to_owned));
    here.chain(folder.dirs().flat_map(sql_files)).collect()
}

fn collect_names(folder: &std::path::Path, prefix: &str, names: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str() else { continue };
        if entry.path().is_dir() {
            collect_names(&entry.path(), &format!("{prefix}{file_name}/"), names);
        } else if let Some(name) = file_name.strip_suffix(".sql") {
            names.push(format!("{prefix}{name}"));
        }
    }
}

impl Query {
    /// What the file says of itself: its leading comment, without the dashes.
    pub fn description(&self) -> String {
        let comment = self.sql.lines().map_while(|line| line.strip_prefix("--"));
        comment.map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned()
    }

    /// Plans the query in `session` with `parameters` bound. Only a query is accepted, no statement that changes anything.
    pub async fn plan(&self, session: &SessionContext, parameters: &Parameters) -> Result<DataFrame, EngineError> {
        let read_only = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let planned = session
            .sql_with_options(&self.sql, read_only)
            .await
            .and_then(|frame| frame.with_param_values(parameters.values()));
        planned.map_err(EngineError::running(format!("query {}", self.source)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_query_says_what_a_row_is() {
        let queries = Queries::default();
        let names = queries.names("");
        assert!(
            names.contains(&"reports/course_progress_report".to_owned()),
            "{names:?}"
        );
        for name in names {
            let query = queries.get(&name).expect("built in");
            assert!(!query.description().is_empty(), "{name} has no description");
            assert!(
                query.sql.is_ascii() || name.contains("checks/"),
                "{name} is not plain ASCII"
            );
        }
    }

    #[test]
    fn a_folder_overrides_file_by_file() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("reports")).expect("a folder");
        std::fs::write(folder.path().join("reports/mine.sql"), "-- Mine.\nselect 1").expect("a file");
        std::fs::write(folder.path().join("reports/batch.sql"), "-- Another.\nselect 2").expect("a file");
        let queries = Queries::new(Some(folder.path().to_owned()));
        assert_eq!(
            queries.get("reports/batch").expect("overridden").description(),
            "Another."
        );
        assert!(queries.names("reports").contains(&"reports/mine".to_owned()));
        assert!(queries.get("reports/all_reports").is_ok());
        let message = queries.get("reports/none").expect_err("unknown").to_string();
        assert!(message.contains("reports/mine"), "{message}");
    }
}
