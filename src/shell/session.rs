//! An open snapshot that statements run on.

use std::collections::{BTreeSet, VecDeque};

use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{LogicalPlan, Statement as PlannedStatement};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParser, DFParserBuilder, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;

use super::copy;
use super::error::ShellError;
use super::guard;
use super::parameter::Parameter;
use super::shown::shown;
use super::sql_names::{SqlNames, tables_in};
use crate::catalog::Catalog;
use crate::config::{Config, DateChoice};
use crate::engine::dialect::{self, forms, precedence, time};
use crate::engine::{EngineError, EngineThreads, RunningQuery, TABLE_SCHEMA};
use crate::ids::SnapshotDate;
use crate::nightly::read_view_from_output;
use crate::queries::{Parameters, Query};

const WHAT: &str = "query";

/// A snapshot with its tables, views, history and parameters.
pub struct Session {
    config: Config,
    given: Vec<Parameter>,
    catalog: Catalog,
    /// The tables of the catalog, for statements in the dialect of analysts.
    session: SessionContext,
    parameters: Parameters,
    /// The tables and views of the snapshot, which statements may not replace.
    protected: BTreeSet<String>,
    threads: EngineThreads,
}

impl Session {
    /// Opens the snapshot that `config` asks for; `given` parameters are bound besides the configured ones.
    ///
    /// # Errors
    /// The snapshot cannot be opened, or the engine cannot start.
    pub async fn open(config: Config, given: Vec<Parameter>) -> Result<Self, ShellError> {
        let mut catalog = Catalog::open(&config).await?;
        read_view_from_output(&mut catalog, &config).await?;
        catalog.register_history()?;
        let parameters = given.iter().fold(catalog.parameters().clone(), |parameters, given| {
            parameters.with(&given.name, given.value.clone())
        });
        let session = dialect::session_of(&catalog.session).map_err(EngineError::running("the SQL dialect"))?;
        let protected = tables_in(&session, TABLE_SCHEMA);
        Ok(Self {
            threads: EngineThreads::start(config.threads)?,
            config,
            given,
            catalog,
            session,
            parameters,
            protected: protected.into_iter().collect(),
        })
    }

    /// Opens another day. Tables and views that statements created are not taken along.
    ///
    /// # Errors
    /// There is no usable snapshot of the day.
    pub async fn on(&self, date: DateChoice) -> Result<Self, ShellError> {
        let config = Config {
            date,
            ..self.config.clone()
        };
        Self::open(config, self.given.clone()).await
    }

    /// The day of the snapshot.
    pub fn date(&self) -> SnapshotDate {
        self.catalog.date
    }

    /// The tables and views.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// All names that statements can use.
    ///
    /// # Errors
    /// A table cannot be looked up.
    pub async fn names(&self) -> Result<SqlNames, ShellError> {
        Ok(SqlNames::of(&self.session).await?)
    }

    /// Starts one statement. A statement that only changes the session has finished when this returns; it has no
    /// columns.
    ///
    /// # Errors
    /// The statement cannot be planned or is refused, a parameter has no value, or it fails before its first row.
    pub async fn start(&self, statement: Statement) -> Result<RunningQuery, ShellError> {
        let session = &self.session;
        let plan = forms::plan(&session.state(), statement).await;
        let plan = plan.map_err(EngineError::running(WHAT))?;
        dialect::check(&plan).map_err(EngineError::running(WHAT))?;
        guard::check(&plan, &self.protected)?;
        let plan = self.bound(plan)?;
        let session = session.clone();
        let frame = self
            .threads
            .run(async move { session.execute_logical_plan(plan).await })
            .await?;
        let frame = frame.and_then(time::in_session_zone);
        let query = self.run(frame.map_err(EngineError::running(WHAT))?).await?;
        Ok(RunningQuery {
            rows: shown(query.rows),
            plan: query.plan,
        })
    }

    /// Starts a query of `queries/`.
    ///
    /// # Errors
    /// A parameter has no value, or the query cannot be planned.
    pub async fn start_query(&self, query: &Query) -> Result<RunningQuery, ShellError> {
        query.check_parameters(&self.parameters, self.given.iter().map(|given| given.name.as_str()))?;
        self.run(self.catalog.plan(query, &self.parameters).await?).await
    }

    /// Binds parameters in a plan. A prepared statement gets its values when it is executed.
    fn bound(&self, plan: LogicalPlan) -> Result<LogicalPlan, ShellError> {
        if matches!(plan, LogicalPlan::Statement(PlannedStatement::Prepare(_))) {
            return Ok(plan);
        }
        let names = plan.get_parameter_names().map_err(EngineError::running(WHAT))?;
        if names.is_empty() {
            return Ok(plan);
        }
        let mut missing: Vec<&str> = names.iter().map(|name| name.trim_start_matches('$')).collect();
        missing.retain(|name| !self.parameters.has(name));
        missing.sort_unstable();
        if let Some(first) = missing.first() {
            return Err(ShellError::MissingParameter((*first).to_owned()));
        }
        let bound = plan.with_param_values(self.parameters.values());
        Ok(bound.map_err(EngineError::running(WHAT))?)
    }

    async fn run(&self, frame: DataFrame) -> Result<RunningQuery, ShellError> {
        Ok(RunningQuery::start(&self.threads, frame, WHAT).await?)
    }
}

/// Parses all statements of `sql` before any of them runs.
///
/// # Errors
/// The first statement that is not SQL, and where.
pub fn parse(sql: &str) -> Result<Vec<Statement>, ShellError> {
    // Statements of the engine alone, such as CREATE EXTERNAL TABLE, are not parsed in the PostgreSQL dialect.
    let parsed = of_postgresql(sql).or_else(|_| DFParser::parse_sql(sql));
    let parsed = parsed.map_err(|error| {
        if let Some(refused) = copy::refused(sql) {
            return ShellError::Copy(refused);
        }
        let reason = match error.find_root() {
            DataFusionError::SQL(parser_error, _) => match parser_error.as_ref() {
                ParserError::ParserError(reason) | ParserError::TokenizerError(reason) => reason.clone(),
                ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
            },
            other => other.strip_backtrace(),
        };
        ShellError::Syntax(reason)
    })?;
    let mut statements: Vec<Statement> = parsed.into();
    for statement in &mut statements {
        rewrite(statement)?;
    }
    Ok(statements)
}

/// Parses statements in the PostgreSQL dialect.
fn of_postgresql(sql: &str) -> Result<VecDeque<Statement>, DataFusionError> {
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, sql).tokenize_with_location();
    let tokens = tokens.map_err(ParserError::from)?;
    let parser = DFParserBuilder::new(forms::as_read(tokens)).with_dialect(&dialect);
    let mut parser = parser.build()?;
    parser.parse_statements()
}

/// Rewrites a statement from the PostgreSQL dialect to the engine's.
fn rewrite(statement: &mut Statement) -> Result<(), ShellError> {
    match statement {
        Statement::Statement(statement) => {
            precedence::bind(statement);
            dialect::name_columns(statement);
            forms::rewrite(statement).map_err(EngineError::running(WHAT))?;
            let understood = time::zone_setting(statement).and_then(|()| time::in_statement(statement));
            understood.map_err(|error| ShellError::Syntax(error.strip_backtrace()))?;
            Ok(dialect::rewrite(statement)?)
        }
        Statement::Explain(explained) => rewrite(&mut explained.statement),
        _ => Ok(()),
    }
}
