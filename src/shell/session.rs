//! One snapshot, open for questions: statements in, rows out.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{LogicalPlan, Statement as PlannedStatement};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::parser::ParserError;
use futures::StreamExt;

use super::error::ShellError;
use super::guard;
use super::names::Names;
use super::parameter::Parameter;
use super::stoppable::{Waiting, stoppable};
use super::threads::EngineThreads;
use crate::catalog::Catalog;
use crate::config::{Config, DateChoice};
use crate::engine::EngineError;
use crate::ids::SnapshotDate;
use crate::queries::{Parameters, Query};

/// Batches that are made ahead of who writes them.
const BATCHES_AHEAD: usize = 2;
const WHAT: &str = "query";

/// A snapshot with its tables, views, history and parameters.
pub struct Session {
    config: Config,
    given: Vec<Parameter>,
    catalog: Catalog,
    parameters: Parameters,
    /// The tables and views of the snapshot, which statements may not replace.
    protected: BTreeSet<String>,
    threads: EngineThreads,
}

/// Rows on their way, made by a task of their own that ends when they are dropped.
pub struct Answer {
    pub rows: SendableRecordBatchStream,
    /// Tells of the progress.
    pub plan: Arc<dyn ExecutionPlan>,
}

impl Session {
    /// Opens the snapshot that `config` asks for; `given` is bound besides the configured parameters.
    pub async fn open(config: Config, given: Vec<Parameter>) -> Result<Self, ShellError> {
        let catalog = Catalog::open(&config).await?;
        catalog.register_history()?;
        let parameters = given.iter().fold(catalog.parameters().clone(), |parameters, given| {
            parameters.with(&given.name, given.value.clone())
        });
        let protected = Names::of(&catalog.session).await?.tables;
        Ok(Self {
            threads: EngineThreads::start(config.threads)?,
            config,
            given,
            catalog,
            parameters,
            protected: protected.into_iter().map(|table| table.name).collect(),
        })
    }

    /// The same for another day. What statements made is not taken along.
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

    /// All that there is to name.
    pub async fn names(&self) -> Result<Names, ShellError> {
        Ok(Names::of(&self.catalog.session).await?)
    }

    /// Starts one statement. One that only changes the session is done when this returns, with rows of no column.
    pub async fn start(&self, statement: Statement) -> Result<Answer, ShellError> {
        let session = &self.catalog.session;
        let plan = session.state().statement_to_plan(statement).await;
        let plan = plan.map_err(EngineError::running(WHAT))?;
        guard::check(&plan, &self.protected)?;
        let plan = self.bound(plan)?;
        let session = session.clone();
        let frame = self
            .threads
            .run(async move { session.execute_logical_plan(plan).await })
            .await?;
        self.run(frame.map_err(EngineError::running(WHAT))?).await
    }

    /// Starts a query of the files.
    pub async fn start_query(&self, query: &Query) -> Result<Answer, ShellError> {
        query.check_parameters(&self.parameters, self.given.iter().map(|given| given.name.as_str()))?;
        self.run(query.plan(&self.catalog.session, &self.parameters).await?)
            .await
    }

    /// The plan with the values of its parameters. A prepared statement gets them when it is executed.
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

    async fn run(&self, frame: DataFrame) -> Result<Answer, ShellError> {
        let context = Arc::new(frame.task_ctx());
        let waiting = Waiting::default();
        let plan = self
            .threads
            .run(async move { frame.create_physical_plan().await })
            .await?;
        let plan = plan.and_then(|plan| stoppable(plan, &waiting));
        let plan = plan.map_err(EngineError::running(WHAT))?;
        Ok(Answer {
            rows: self.in_a_task(Arc::clone(&plan), context, waiting)?,
            plan,
        })
    }

    /// The rows of a plan, made by a task on the engine's threads, which ends when they are not waited for any more.
    fn in_a_task(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
        waiting: Waiting,
    ) -> Result<SendableRecordBatchStream, EngineError> {
        let threads = self.threads.handle().ok_or(EngineError::Lost("answer of a query"))?;
        let schema = plan.schema();
        let mut receiver = RecordBatchReceiverStream::builder(Arc::clone(&schema), BATCHES_AHEAD);
        let sender = receiver.tx();
        let made = async move {
            let mut rows = execute_stream(plan, context)?;
            while let Some(batch) = rows.next().await {
                // The rest is of no use to anybody.
                if sender.send(batch).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        receiver.spawn_on(made, threads);
        let rows = receiver.build().inspect(move |_batch| {
            // Goes with the rows.
            let _ = &waiting;
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

/// The statements of `sql`; all of it is understood before anything runs.
pub fn parse(sql: &str) -> Result<Vec<Statement>, ShellError> {
    let parsed = DFParser::parse_sql(sql).map_err(|error| {
        let reason = match error.find_root() {
            DataFusionError::SQL(parser_error, _) => match parser_error.as_ref() {
                ParserError::ParserError(reason) | ParserError::TokenizerError(reason) => reason.clone(),
                ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
            },
            other => other.strip_backtrace(),
        };
        ShellError::Syntax(reason)
    })?;
    Ok(parsed.into())
}
