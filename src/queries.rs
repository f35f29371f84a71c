//! The SQL files of `queries/`: compiled in, replaceable file by file from a site's own folder, parameters bound as values.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::NaiveDate;
use datafusion::common::{ParamValues, Result as EngineResult, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use include_dir::{Dir, include_dir};

use crate::engine::EngineError;
use crate::engine::dialect::precedence;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/queries");

/// A query that cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum NamedQueryError {
    #[error("query {name} cannot be read from {}: {reason}; check the folder given with --queries", path.display())]
    Unreadable {
        name: String,
        path: PathBuf,
        reason: String,
    },
    #[error("there is no query named {name}; known: {known}")]
    Unknown { name: String, known: String },
    #[error("several queries are named {name}: {known}; name one of them whole")]
    Ambiguous { name: String, known: String },
    #[error("query {name} needs --param {parameter}=…; {source_name} says: {said}")]
    MissingParameter {
        name: String,
        parameter: String,
        source_name: String,
        said: String,
    },
    #[error("query {name} has no parameter {parameter}; {known}")]
    UnknownParameter {
        name: String,
        parameter: String,
        known: String,
    },
}

/// The source of queries: the built-in files, and a folder whose files of the same names take precedence.
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
    /// The text of the file.
    pub sql: Cow<'static, str>,
}

/// Values for the `$name` parameters of a query.
#[derive(Debug, Clone, Default)]
pub struct Parameters(BTreeMap<String, ScalarValue>);

impl Parameters {
    /// Adds the value of `$name`.
    pub fn with(mut self, name: &str, value: impl Into<ScalarValue>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a day, or NULL, as the value of `$name`.
    pub fn with_day(self, name: &str, day: Option<NaiveDate>) -> Self {
        self.with(name, ScalarValue::Date32(day.map(|day| day.to_epoch_days())))
    }

    /// Whether `$name` has a value.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All values, for the engine.
    pub fn values(&self) -> ParamValues {
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
    ///
    /// # Errors
    /// There is no such query, or its file cannot be read.
    pub fn get(&self, name: &str) -> Result<Query, NamedQueryError> {
        let file = format!("{name}.sql");
        if let Some(path) = self.overriding(name) {
            let sql = std::fs::read_to_string(&path).map_err(|error| NamedQueryError::Unreadable {
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
            .ok_or_else(|| NamedQueryError::Unknown {
                name: name.to_owned(),
                known: self.names("").join(", "),
            })
    }

    /// The query `layer/name`, or the one that is called `name` where only one is.
    ///
    /// # Errors
    /// There is no such query, the name is that of several, or its file cannot be read.
    pub fn find(&self, name: &str) -> Result<Query, NamedQueryError> {
        let names = self.names("");
        let called = |query: &&String| query.rsplit('/').next() == Some(name);
        let found: Vec<&String> = match names.iter().find(|query| *query == name) {
            Some(whole) => vec![whole],
            None => names.iter().filter(called).collect(),
        };
        match found.as_slice() {
            [one] => self.get(one),
            [] => self.get(name),
            several => Err(NamedQueryError::Ambiguous {
                name: name.to_owned(),
                known: several.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Whether the query `layer/name` is not replaced by another one of the site. A site's copy, byte for byte the same,
    /// replaces nothing.
    pub fn is_built_in(&self, name: &str) -> bool {
        let Some(own) = self.overriding(name) else {
            return true;
        };
        let built_in = BUILT_IN.get_file(format!("{name}.sql")).map(|file| file.contents());
        std::fs::read(own).is_ok_and(|own| built_in == Some(own.as_slice()))
    }

    fn overriding(&self, name: &str) -> Option<PathBuf> {
        let path = self.folder.as_ref()?.join(format!("{name}.sql"));
        path.exists().then_some(path)
    }

    /// The file of that name in a folder of queries, the site's or a built-in one: what it is called in messages, and its
    /// text; none where there is no such file.
    ///
    /// # Errors
    /// Where the site's file cannot be read.
    pub fn file_beside(
        &self,
        folder: &str,
        name: &str,
    ) -> Result<Option<(String, Cow<'static, str>)>, NamedQueryError> {
        let file = format!("{folder}/{name}");
        let own = self.folder.as_ref().map(|queries| queries.join(&file));
        if let Some(path) = own.filter(|path| path.exists()) {
            return match std::fs::read_to_string(&path) {
                Ok(text) => Ok(Some((path.display().to_string(), Cow::Owned(text)))),
                Err(error) => Err(NamedQueryError::Unreadable {
                    name: file,
                    path,
                    reason: error.to_string(),
                }),
            };
        }
        let built_in = BUILT_IN.get_file(&file).and_then(|file| file.contents_utf8());
        Ok(built_in.map(|text| (format!("queries/{file}"), Cow::Borrowed(text))))
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
    /// The description: the leading comment of the file, without the dashes.
    pub fn description(&self) -> String {
        let comment = self.sql.lines().map_while(|line| line.strip_prefix("--"));
        comment.map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned()
    }

    /// The first line of the description.
    pub fn summary(&self) -> String {
        self.description().lines().next().unwrap_or_default().to_owned()
    }

    /// Whether its rows are a view of its name: the description ends with a line that says so.
    pub fn is_view(&self) -> bool {
        self.description().lines().next_back() == Some("View.")
    }

    /// The names of the `$name` parameters, without the `$`.
    pub fn parameters(&self) -> BTreeSet<String> {
        let tokens = Tokenizer::new(&GenericDialect {}, &self.sql)
            .tokenize()
            .unwrap_or_default();
        let placeholders = tokens.into_iter().filter_map(|token| match token {
            Token::Placeholder(name) => Some(name.trim_start_matches('$').to_owned()),
            _ => None,
        });
        placeholders.collect()
    }

    /// The sentences of the description that mention a parameter.
    fn says_of(&self, parameter: &str) -> String {
        let description = self.description();
        let text = description.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = format!("${parameter}");
        let sentences: Vec<&str> = text
            .split_inclusive(". ")
            .map(str::trim)
            .filter(|text| text.contains(&name))
            .collect();
        if sentences.is_empty() {
            "nothing of it".to_owned()
        } else {
            sentences.join(" ")
        }
    }

    /// Checks that every parameter has a value, and that the query has each of those that were `given` for it.
    ///
    /// # Errors
    /// A parameter of the query has no value, or a given one is not used.
    pub fn check_parameters<'a>(
        &self,
        parameters: &Parameters,
        given: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), NamedQueryError> {
        let wanted = self.parameters();
        if let Some(missing) = wanted.iter().find(|name| !parameters.has(name)) {
            return Err(NamedQueryError::MissingParameter {
                name: self.name.clone(),
                parameter: missing.clone(),
                source_name: self.source.clone(),
                said: self.says_of(missing),
            });
        }
        match given.into_iter().find(|name| !wanted.contains(*name)) {
            None => Ok(()),
            Some(unknown) => Err(NamedQueryError::UnknownParameter {
                name: self.name.clone(),
                parameter: unknown.to_owned(),
                known: match wanted.is_empty() {
                    true => "it has none".to_owned(),
                    false => format!("known: {}", wanted.into_iter().collect::<Vec<_>>().join(", ")),
                },
            }),
        }
    }

    /// Plans the query in `session` with `parameters` bound. Only a query is accepted, no statement that changes anything.
    ///
    /// # Errors
    /// The SQL is wrong, or names a table or column that is not there.
    pub async fn plan(&self, session: &SessionContext, parameters: &Parameters) -> Result<DataFrame, EngineError> {
        let planned = planned(&self.sql, session).await;
        let bound = planned.and_then(|frame| frame.with_param_values(parameters.values()));
        bound.map_err(EngineError::running(format!("query {}", self.source)))
    }
}

/// Plans SQL that only reads, as the session does, with PostgreSQL's precedence of operators.
async fn planned(sql: &str, session: &SessionContext) -> EngineResult<DataFrame> {
    let state = session.state();
    let mut statement = state.sql_to_statement(sql, &state.config_options().sql_parser.dialect)?;
    precedence::bind_statement(&mut statement);
    let plan = state.statement_to_plan(statement).await?;
    let read_only = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    read_only.verify_plan(&plan)?;
    session.execute_logical_plan(plan).await
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

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
    fn a_query_is_found_by_its_short_name_where_it_is_the_only_one() {
        let queries = Queries::default();
        let found = |name: &str| {
            queries
                .find(name)
                .map(|query| query.name)
                .map_err(|error| error.to_string())
        };
        assert_eq!(found("report_of_batch").as_deref(), Ok("reports/report_of_batch"));
        assert_eq!(found("staging/sunbird/users").as_deref(), Ok("staging/sunbird/users"));
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("mine")).expect("a folder");
        std::fs::write(folder.path().join("mine/users.sql"), "-- Mine.\nselect 1").expect("a file");
        let message = Queries::new(Some(folder.path().to_owned()))
            .find("users")
            .expect_err("two")
            .to_string();
        assert_eq!(
            message,
            "several queries are named users: mine/users, staging/moodle/users, staging/openedx/users, staging/sunbird/users; \
             name one of them whole"
        );
        assert!(
            found("nothing")
                .expect_err("none")
                .starts_with("there is no query named nothing")
        );
    }

    #[test]
    fn a_parameter_that_is_missing_is_explained() {
        let query = Queries::default().find("report_of_batch").expect("built in");
        let none = Parameters::default();
        assert_eq!(
            query.check_parameters(&none, []).expect_err("missing").to_string(),
            "query reports/report_of_batch needs --param batch_id=…; queries/reports/report_of_batch.sql says: \
             Parameter: $batch_id."
        );
        let more = Parameters::default().with("batch_id", "b1").with("day", "d");
        assert_eq!(
            query
                .check_parameters(&more, ["batch_id", "day"])
                .expect_err("unknown")
                .to_string(),
            "query reports/report_of_batch has no parameter day; known: batch_id"
        );
    }

    fn query(sql: &'static str) -> Query {
        Query {
            name: "mine".to_owned(),
            source: "mine.sql".to_owned(),
            sql: Cow::Borrowed(sql),
        }
    }

    #[tokio::test]
    async fn comparisons_with_nulls_end_before_and() {
        let session = SessionContext::new();
        let both = query("select a is distinct from b and c as d from (values (true, false, false)) t(a, b, c)");
        let frame = both.plan(&session, &Parameters::default()).await.expect("planned");
        let rows = frame.collect().await.expect("rows");
        let table = pretty_format_batches(&rows).expect("a table").to_string();
        assert!(table.contains("| false |"), "{table}");
    }

    #[tokio::test]
    async fn a_query_changes_nothing() {
        let session = SessionContext::new();
        let view = query("create view v as select 1 as one");
        assert!(view.plan(&session, &Parameters::default()).await.is_err());
        assert!(!session.table_exist("v").expect("a catalog"));
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
