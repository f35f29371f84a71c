//! What one client's statements do: its transaction, cursors and variables, and the queries that it starts.
//!
//! `login` authenticates a [`client`] (`accounts`, `scram_secret`). `statement` maps statements to actions, and refuses
//! those that write. `running` runs it within `[postgres]`'s limits, over the tables that `snapshots` has for what the
//! client may see; `stop` ends it and `audit` logs it. A client has opened the `cursors`, set the `variables`
//! (`session_values` puts them into statements), and prepared what is in `named`.

pub mod accounts;
pub mod audit;
pub mod client;
mod cursors;
pub mod login;
pub mod named;
mod planned;
pub mod running;
pub mod scram_secret;
pub mod session_values;
pub mod snapshots;
pub mod statement;
pub mod stop;
pub mod variables;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{DataType as SqlType, Expr, Statement};
use futures::{SinkExt, StreamExt};
use pgwire::api::portal::{Format, Portal};
use pgwire::api::results::{DataRowEncoder, FieldFormat, FieldInfo, QueryResponse, Tag};
use pgwire::api::{ClientInfo, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::TransactionStatus;
use pgwire::messages::startup::ParameterStatus;
use pgwire::types::format::FormatOptions;

use crate::engine::dialect::{self, forms};
use crate::postgres::Endpoint;
use crate::postgres::error::QueryError;
use crate::postgres::protocol::copy::{CopyForm, CopyOut, CopyRows, Frame};
use crate::postgres::protocol::parameters::{self, Parameter};
use crate::postgres::protocol::result_columns;
use crate::postgres::protocol::wire::{SimpleWire, Wire, WireClient};
use client::{Client, LoggedIn};
use cursors::Cursor;
use named::Named;
use planned::{Planned, columns_of};
use running::{PlanToRun, QueryAudit, Running};
use session_values::SessionValues;
use snapshots::VisibleSnapshot;
use statement::{Step, known_form, step};
use stop::{Stop, StopReason};
use variables::Changes;

/// `SHOW ALL`, and its columns.
const ALL: &str = "all";
const ALL_COLUMNS: [&str; 3] = ["name", "setting", "description"];
/// Statements that one client may have prepared.
const MOST_STATEMENTS: usize = 2000;
/// Portals that one client may have named in a transaction.
const MOST_PORTALS: usize = 1000;

/// A statement that is allowed, and planned where it gives rows.
#[derive(Clone)]
pub struct Prepared {
    pub sql: Arc<str>,
    step: Arc<Step>,
    planned: Option<Arc<Mutex<Planned>>>,
    /// The columns of its rows; none where it gives none.
    pub columns: Option<SchemaRef>,
    pub parameters: Arc<Vec<Parameter>>,
}

impl Prepared {
    /// The columns of its plan, also where the statement gives no rows by itself.
    fn planned_columns(&self) -> SchemaRef {
        match &self.planned {
            Some(planned) => Arc::clone(&held(planned).columns),
            None => Arc::new(Schema::empty()),
        }
    }
}

/// A parsed statement, which is not checked against the allow-list yet.
pub struct Parsed {
    pub statement: Statement,
    /// Its rows are counted and not given: MOVE.
    is_counted: bool,
}

/// What a statement gives.
pub enum Reply {
    Rows(QueryResponse),
    Copy(CopyOut),
    Done(Tag),
}

/// Names that a client gave to things of one kind, whose number is limited.
#[derive(Default)]
struct LimitedNames(BTreeSet<String>);

impl LimitedNames {
    /// Adds a name, unless it is known; false where there are `most` others already.
    fn take(&mut self, name: &str, most: usize) -> bool {
        let has_room = self.0.len() < most || self.0.contains(name);
        if has_room {
            self.0.insert(name.to_owned());
        }
        has_room
    }
}

/// One client's session.
pub struct Session {
    endpoint: Arc<Endpoint>,
    client: Arc<Client>,
    cursors: Mutex<BTreeMap<String, Cursor>>,
    /// Prepared statements, of the protocol and of PREPARE.
    statements: Mutex<LimitedNames>,
    /// The queries of PREPARE, by name.
    named: Mutex<BTreeMap<String, Arc<Named>>>,
    portals: Mutex<LimitedNames>,
    /// The variables as they were before the open transaction, and before its SET LOCAL.
    transaction: Mutex<Option<Changes>>,
    /// The snapshot of the transaction that is open.
    pinned: Mutex<Option<Arc<VisibleSnapshot>>>,
}

impl Session {
    /// The session of a client, which may not have logged in yet.
    pub fn new(endpoint: Arc<Endpoint>, client: Arc<Client>) -> Self {
        Self {
            endpoint,
            client,
            cursors: Mutex::default(),
            statements: Mutex::default(),
            named: Mutex::default(),
            portals: Mutex::default(),
            transaction: Mutex::default(),
            pinned: Mutex::default(),
        }
    }

    /// Parses the statements of a text of a client that is logged in. A syntax error is audited.
    pub fn parse(&self, sql: &str) -> PgWireResult<Vec<Parsed>> {
        self.login()?;
        let (known, is_counted) = known_form(sql).unzip();
        let statements = self.endpoint.parse.statements(known.as_deref().unwrap_or(sql));
        let statements = match statements {
            Ok(statements) => statements,
            Err(error) => return Err(self.refused(sql, error)?.into()),
        };
        let is_counted = is_counted.unwrap_or(false);
        let parsed = statements.into_iter().map(|statement| Parsed { statement, is_counted });
        Ok(parsed.collect())
    }

    /// Checks one statement against the allow-list, and plans it where it gives rows. A refusal is audited.
    /// `declared` is the number of parameters that the client gives types of.
    pub async fn prepare(
        &self,
        info: &(dyn ClientInfo + Sync),
        parsed: Parsed,
        sql: &str,
        declared: usize,
    ) -> PgWireResult<Prepared> {
        let mut sql = Cow::from(sql);
        let step = match self.allowed_step(info, parsed, &mut sql) {
            Ok(step) => step,
            Err(error) => return Err(self.refused(&sql, error)?.into()),
        };
        let in_transaction = !matches!(info.transaction_status(), TransactionStatus::Idle);
        let kept = match &step {
            // The query that PREPARE keeps is planned now, so that its errors are reported at once.
            Step::Prepare { query, .. } => Some(self.endpoint.parse.of_tree(query.as_ref().clone())),
            step => step.query().cloned().map(Ok),
        };
        let planned = match kept {
            Some(query) => {
                let planned = async { self.planned(&query?, in_transaction).await };
                match self.in_time(info, planned).await {
                    Ok(planned) => Some(planned),
                    Err(error) => return Err(self.refused(&sql, error)?.into()),
                }
            }
            None => None,
        };
        let columns = match (&step, &planned) {
            (Step::Ask(_), Some(planned)) => Some(Arc::clone(&planned.columns)),
            (Step::Fetch { name, .. }, _) => Some(Arc::clone(&self.cursor(name)?.1)),
            (Step::Show(name), _) if name == ALL => Some(texts(&ALL_COLUMNS)),
            (Step::Show(name), _) => Some(texts(&[variables::spelling(name)])),
            _ => None,
        };
        let parameters = match &planned {
            // EXECUTE gives the values of its parameters, not Bind.
            Some(_) if matches!(step, Step::Prepare { .. }) => Vec::new(),
            Some(planned) => parameters::of_plan(&planned.plan, declared).map_err(QueryError::from)?,
            None => Vec::new(),
        };
        Ok(Prepared {
            sql: sql.as_ref().into(),
            step: Arc::new(step),
            planned: planned.map(|planned| Arc::new(Mutex::new(planned))),
            columns,
            parameters: Arc::new(parameters),
        })
    }

    /// The action of a statement, with the values of the session in it. For EXECUTE, the prepared statement is added to
    /// `sql`, so that the audit log has it.
    fn allowed_step(&self, info: &dyn ClientInfo, parsed: Parsed, sql: &mut Cow<'_, str>) -> Result<Step, QueryError> {
        let login = self.client.login().ok_or(QueryError::NotLoggedIn)?;
        let Parsed { statement, is_counted } = parsed;
        let statement = SessionValues::of(info, &login.actor.user).put_into(statement)?;
        match step(statement)? {
            Step::Execute { name, arguments } => {
                let (named, step) = self.executed(&name, &arguments)?;
                *sql = format!("{}; {sql}", named.sql).into();
                Ok(step)
            }
            Step::Fetch { name, rows } if is_counted => Ok(Step::Move { name, rows }),
            step => Ok(step),
        }
    }

    /// Runs a statement. `portal` holds the values of its parameters and how it wants its rows; none: no parameters,
    /// text.
    pub async fn run(
        &self,
        info: &mut dyn SimpleWire,
        prepared: &Prepared,
        portal: Option<&Portal<Prepared>>,
    ) -> PgWireResult<Reply> {
        let status = info.transaction_status();
        check_not_aborted(status, &prepared.step)?;
        let tag = match prepared.step.as_ref() {
            Step::Ask(_) => return self.answer(info, prepared, portal).await,
            Step::Copy { form, .. } => return Ok(Reply::Copy(self.copied(info, prepared, portal, form).await?)),
            Step::Show(name) => return shown(info, name),
            Step::Fetch { name, rows } => return self.fetch(info, prepared, portal, name, *rows),
            Step::Move { name, rows } => return self.pass_over(name, *rows).await,
            Step::Prepare { name, types, query } => {
                self.keep(name, &prepared.sql, types, query)?;
                "PREPARE"
            }
            // Not reached: `allowed_step` has replaced EXECUTE by the prepared query.
            Step::Execute { name, .. } => return Err(QueryError::NoStatement(name.clone()).into()),
            Step::Declare { name, is_held, .. } => {
                self.declare(info, prepared, portal, name, *is_held).await?;
                "DECLARE CURSOR"
            }
            Step::Close(name) => self.close(name.as_deref())?,
            Step::Set { assignments, is_local } => self.set(info, assignments, *is_local).await?,
            Step::Reset(name) => reset(info, name.as_deref()).await?,
            Step::Begin => self.begin(info),
            Step::Commit => self.commit(info).await?,
            Step::Rollback => {
                self.end_transaction(info, true).await?;
                "ROLLBACK"
            }
            Step::Savepoint(tag) => {
                check_in_transaction(status, tag)?;
                tag
            }
            Step::RollbackToSavepoint => {
                check_in_transaction(status, "ROLLBACK TO SAVEPOINT")?;
                info.set_transaction_status(TransactionStatus::Transaction);
                "ROLLBACK"
            }
            Step::Deallocate(name) => self.deallocate(info, name.as_deref())?,
            Step::Discard(tag) => {
                if *tag == "DISCARD ALL" {
                    self.discard_all(info).await?;
                }
                tag
            }
            Step::Nothing(tag) => tag,
        };
        Ok(Reply::Done(Tag::new(tag)))
    }

    /// Starts a query whose rows the client gets.
    async fn answer(
        &self,
        info: &(dyn ClientInfo + Sync),
        prepared: &Prepared,
        portal: Option<&Portal<Prepared>>,
    ) -> PgWireResult<Reply> {
        let running = self.start(info, prepared, portal).await?;
        let columns = self.fields(info, prepared, portal)?;
        let rows = running.encoded(Arc::clone(&columns));
        Ok(Reply::Rows(QueryResponse::new(columns, rows)))
    }

    /// The columns of a statement's rows as this client wants them.
    pub fn fields(
        &self,
        info: &dyn ClientInfo,
        prepared: &Prepared,
        portal: Option<&Portal<Prepared>>,
    ) -> PgWireResult<Arc<Vec<FieldInfo>>> {
        let none = Arc::new(Schema::empty());
        let columns = prepared.columns.as_ref().unwrap_or(&none);
        let format = portal.map_or(&Format::UnifiedText, |portal| &portal.result_column_format);
        check_formats(format, columns.fields().len(), "result columns")?;
        fields_of(info, columns, format)
    }

    /// Notes a statement that is not run.
    fn refused(&self, sql: &str, error: QueryError) -> PgWireResult<QueryError> {
        let actor = &self.login()?.actor;
        let time = self.endpoint.query_time;
        QueryAudit::open(&self.endpoint, &self.client, actor, sql, time)?.failed(&error);
        Ok(error)
    }

    fn login(&self) -> PgWireResult<&LoggedIn> {
        self.client.login().ok_or_else(|| QueryError::NotLoggedIn.into())
    }

    async fn seen(&self, in_transaction: bool) -> Result<Arc<VisibleSnapshot>, QueryError> {
        if let (true, Some(pinned)) = (in_transaction, self.pinned().as_ref()) {
            return Ok(Arc::clone(pinned));
        }
        let login = self.client.login().ok_or(QueryError::NotLoggedIn)?;
        let seen = self.endpoint.snapshots.seen_with(&login.visibility).await?;
        if in_transaction {
            *self.pinned() = Some(Arc::clone(&seen));
        }
        Ok(seen)
    }

    /// Runs `work`; an error where the client cancels it, or it takes longer than a query may.
    async fn in_time<T>(
        &self,
        info: &(dyn ClientInfo + Sync),
        work: impl Future<Output = Result<T, QueryError>>,
    ) -> Result<T, QueryError> {
        let stop = Stop::default();
        self.client.waits_for(Some(stop.clone()));
        let timed = tokio::time::timeout(self.time(info), stop.or_stopped(work));
        let late = |_| Err(QueryError::Stopped(StopReason::Deadline));
        timed.await.unwrap_or_else(late)
    }

    /// The longest that a statement of this client may take.
    fn time(&self, info: &dyn ClientInfo) -> Duration {
        let longest = self.endpoint.query_time;
        variables::statement_timeout(info.metadata()).map_or(longest, |time| time.min(longest))
    }

    async fn planned(&self, statement: &Statement, in_transaction: bool) -> Result<Planned, QueryError> {
        let seen = self.seen(in_transaction).await?;
        let (plan, columns) = self.plan(statement, &seen).await?;
        Ok(Planned::new(plan, columns, seen))
    }

    /// The plan of a statement, and the columns of its rows.
    async fn plan(
        &self,
        statement: &Statement,
        seen: &VisibleSnapshot,
    ) -> Result<(LogicalPlan, SchemaRef), QueryError> {
        let state = seen.session.state();
        let statement = EngineStatement::Statement(Box::new(statement.clone()));
        let planned = self.endpoint.threads.run(async move {
            let plan = forms::plan(&state, statement).await?;
            let reading_alone = SQLOptions::new()
                .with_allow_ddl(false)
                .with_allow_dml(false)
                .with_allow_statements(false);
            reading_alone.verify_plan(&plan)?;
            dialect::check(&plan)?;
            let columns = columns_of(&state, &plan);
            Ok((plan, columns))
        });
        planned.await?
    }

    /// Starts the query of a statement, over the newest snapshot, or that of the transaction.
    async fn start(
        &self,
        info: &(dyn ClientInfo + Sync),
        prepared: &Prepared,
        portal: Option<&Portal<Prepared>>,
    ) -> PgWireResult<Running> {
        let login = self.login()?;
        let time = self.time(info);
        let mut query_audit = QueryAudit::open(&self.endpoint, &self.client, &login.actor, &prepared.sql, time)?;
        let stop = query_audit.stop();
        match self.bound(info, prepared, portal, &stop).await {
            Ok((seen, asked)) => Ok(Running::start(query_audit, &seen, asked, variables::zone(info.metadata())).await?),
            Err(error) => {
                if let PgWireError::UserError(info) = &error {
                    query_audit.failed_with(&info.code);
                }
                Err(error)
            }
        }
    }

    async fn bound(
        &self,
        info: &(dyn ClientInfo + Sync),
        prepared: &Prepared,
        portal: Option<&Portal<Prepared>>,
        stop: &Stop,
    ) -> PgWireResult<(Arc<VisibleSnapshot>, PlanToRun)> {
        let planned = prepared
            .planned
            .as_ref()
            .ok_or_else(|| QueryError::NotSupported("this statement gives no rows".to_owned()))?;
        let in_transaction = !matches!(info.transaction_status(), TransactionStatus::Idle);
        let seen = stop.or_stopped(self.seen(in_transaction)).await?;
        let mut known = held(planned).clone();
        // It was prepared on an earlier snapshot.
        if let Some(statement) = prepared.step.query().filter(|_| !Arc::ptr_eq(&seen, &known.seen)) {
            let (plan, columns) = stop.or_stopped(self.plan(statement, &seen)).await?;
            known = Planned::again(plan, columns, Arc::clone(&seen));
            *held(planned) = known.clone();
        }
        let values = match portal.filter(|portal| portal.parameter_len() > 0) {
            Some(portal) => {
                check_formats(&portal.parameter_format, portal.parameter_len(), "parameters")?;
                Some(parameters::values(portal, &prepared.parameters)?)
            }
            None => None,
        };
        let zone = variables::zone(info.metadata());
        let asked = self.asked(planned, known, values.as_ref(), (zone, stop)).await?;
        Ok((seen, asked))
    }

    /// Starts COPY TO STDOUT.
    async fn copied(
        &self,
        info: &(dyn ClientInfo + Sync),
        prepared: &Prepared,
        portal: Option<&Portal<Prepared>>,
        form: &CopyForm,
    ) -> PgWireResult<CopyOut> {
        let columns = prepared.planned_columns();
        let columns = fields_of(info, &columns, &form.value_format())?;
        let forced = CopyOut::forced(form, &columns)?;
        let running = self.start(info, prepared, portal).await?;
        let rows = match form.frame {
            Frame::Binary => CopyRows::Binary(running.copied(Arc::clone(&columns)).boxed()),
            Frame::Text(_) | Frame::Csv(_) => CopyRows::Values(running.encoded(Arc::clone(&columns)).boxed()),
        };
        Ok(CopyOut::new(form.clone(), columns, forced, rows))
    }

    /// Keeps a query under a name that no other has.
    fn keep(&self, name: &str, sql: &str, types: &[SqlType], query: &Statement) -> Result<(), QueryError> {
        if held(&self.statements).0.contains(name) {
            return Err(QueryError::StatementExists(name.to_owned()));
        }
        self.prepared(name)?;
        let named = Named {
            sql: sql.to_owned(),
            types: types.to_vec(),
            query: query.clone(),
        };
        held(&self.named).insert(name.to_owned(), Arc::new(named));
        Ok(())
    }

    /// The prepared query of EXECUTE, with the values of its arguments.
    fn executed(&self, name: &str, arguments: &[Expr]) -> Result<(Arc<Named>, Step), QueryError> {
        let named = held(&self.named).get(name).cloned();
        let named = named.ok_or_else(|| QueryError::NoStatement(name.to_owned()))?;
        let query = self.endpoint.parse.of_tree(named.with(name, arguments)?)?;
        Ok((named, Step::Ask(Box::new(query))))
    }

    fn pinned(&self) -> MutexGuard<'_, Option<Arc<VisibleSnapshot>>> {
        held(&self.pinned)
    }

    /// Begins a transaction, where none is open. Returns the command tag.
    fn begin(&self, info: &mut dyn ClientInfo) -> &'static str {
        info.set_transaction_status(TransactionStatus::Transaction);
        held(&self.transaction).get_or_insert_with(|| Changes::new(info.metadata()));
        "BEGIN"
    }

    /// Notes that a variable is about to change. False where that has no effect: of SET LOCAL outside a transaction.
    fn changes(&self, kept: &HashMap<String, String>, name: &str, is_local: bool) -> Result<bool, QueryError> {
        match held(&self.transaction).as_mut() {
            Some(changes) => changes.note(kept, name, is_local).map(|()| true),
            None => variables::check(name).map(|()| !is_local),
        }
    }

    /// Sets variables. Returns the command tag.
    async fn set(
        &self,
        info: &mut dyn Wire,
        assignments: &[(String, String)],
        is_local: bool,
    ) -> PgWireResult<&'static str> {
        for (name, value) in assignments {
            if !self.changes(info.metadata(), name, is_local)? {
                continue;
            }
            let reported = variables::set(info.metadata_mut(), name, value)?;
            report(info, reported).await?;
        }
        Ok("SET")
    }

    /// Ends the transaction, and says how, as PostgreSQL says it: one that failed is rolled back.
    async fn commit(&self, info: &mut dyn SimpleWire) -> PgWireResult<&'static str> {
        let has_failed = matches!(info.transaction_status(), TransactionStatus::Error);
        self.end_transaction(info, has_failed).await?;
        Ok(if has_failed { "ROLLBACK" } else { "COMMIT" })
    }

    /// Resets the session to its state after the login.
    async fn discard_all(&self, info: &mut dyn SimpleWire) -> PgWireResult<()> {
        self.close(None)?;
        self.forget_portals(info);
        self.deallocate(info, None)?;
        reset(info, None).await?;
        Ok(())
    }

    /// Ends the transaction, and with it its snapshot, its cursors, its portals, and the variables that it set for
    /// itself.
    async fn end_transaction(&self, info: &mut dyn SimpleWire, is_undone: bool) -> PgWireResult<()> {
        info.set_transaction_status(TransactionStatus::Idle);
        *self.pinned() = None;
        self.cursors().retain(|_, cursor| cursor.is_held);
        self.forget_portals(info);
        let changes = held(&self.transaction).take();
        let reported = changes.map(|changes| changes.end(info.metadata_mut(), is_undone));
        report(info, reported.unwrap_or_default()).await
    }

    /// Notes that the client names a portal. The unnamed one is replaced by the next.
    pub fn portal(&self, name: &str) -> Result<(), QueryError> {
        let is_taken = held(&self.portals).take(name, MOST_PORTALS);
        is_taken.then_some(()).ok_or(QueryError::TooManyPortals)
    }

    /// Removes the name of a portal.
    pub fn forgot_portal(&self, name: &str) {
        held(&self.portals).0.remove(name);
    }

    /// Ends all portals, as the end of a transaction does, also of one that is a single statement.
    pub fn forget_portals(&self, info: &dyn SimpleWire) {
        held(&self.portals).0.clear();
        info.forget_portals();
    }

    /// Notes that the client prepared a statement of that name. Unnamed ones replace each other.
    pub fn prepared(&self, name: &str) -> Result<(), QueryError> {
        let is_taken = held(&self.statements).take(name, MOST_STATEMENTS);
        is_taken.then_some(()).ok_or(QueryError::TooManyStatements)
    }

    /// Removes the name of a prepared statement.
    pub fn forgot(&self, name: &str) {
        held(&self.statements).0.remove(name);
        held(&self.named).remove(name);
    }

    /// Forgets a prepared statement, or all of them. Returns the command tag.
    fn deallocate(&self, info: &dyn SimpleWire, name: Option<&str>) -> Result<&'static str, QueryError> {
        let known = held(&self.statements).0.clone();
        let (names, tag) = match name {
            Some(name) if known.contains(name) => (vec![name.to_owned()], "DEALLOCATE"),
            Some(name) => return Err(QueryError::NoStatement(name.to_owned())),
            None => (known.into_iter().collect(), "DEALLOCATE ALL"),
        };
        for name in names {
            info.forget_statement(&name);
            self.forgot(&name);
        }
        Ok(tag)
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fields_of(info: &dyn ClientInfo, columns: &Schema, format: &Format) -> PgWireResult<Arc<Vec<FieldInfo>>> {
    let mut look = FormatOptions::from_client_metadata(info.metadata());
    variables::zone(info.metadata()).clone_into(&mut look.time_zone);
    Ok(Arc::new(result_columns::fields(columns, format, Some(Arc::new(look)))?))
}

/// After an error, a transaction can only be ended.
fn check_not_aborted(status: TransactionStatus, step: &Step) -> Result<(), QueryError> {
    let ends = matches!(step, Step::Commit | Step::Rollback | Step::RollbackToSavepoint);
    match status {
        TransactionStatus::Error if !ends => Err(QueryError::Aborted),
        _ => Ok(()),
    }
}

fn check_in_transaction(status: TransactionStatus, what: &'static str) -> Result<(), QueryError> {
    match status {
        TransactionStatus::Idle => Err(QueryError::OutsideTransaction(what)),
        _ => Ok(()),
    }
}

/// Resets one variable, or all, to the values at the login. Returns the command tag.
async fn reset(info: &mut dyn Wire, name: Option<&str>) -> PgWireResult<&'static str> {
    let reported = variables::reset_named(info.metadata_mut(), name)?;
    report(info, reported).await?;
    Ok("RESET")
}

/// Reports the changed variables to the client.
async fn report(info: &mut dyn Wire, reported: impl IntoIterator<Item = (String, String)>) -> PgWireResult<()> {
    let mut client = WireClient(info);
    for (name, value) in reported {
        let status = ParameterStatus::new(name, value);
        client.feed(PgWireBackendMessage::ParameterStatus(status)).await?;
    }
    Ok(())
}

/// A client gives one format for all columns, or one for each.
fn check_formats(format: &Format, number: usize, of: &str) -> PgWireResult<()> {
    match format {
        Format::Individual(codes) if codes.len() != number => {
            Err(QueryError::Syntax(format!("{} formats were given for {number} {of}", codes.len())).into())
        }
        _ => Ok(()),
    }
}

fn texts(names: &[&str]) -> SchemaRef {
    let fields = names.iter().map(|name| Field::new(*name, DataType::Utf8, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// What SHOW gives: one variable, or all of them.
fn shown(info: &dyn ClientInfo, name: &str) -> PgWireResult<Reply> {
    if name == ALL {
        return Ok(Reply::Rows(all_values(info)?));
    }
    let value = variables::show(info.metadata(), name)?;
    let column = variables::spelling(name);
    Ok(Reply::Rows(rows_of_texts(&[column], [[value.as_str()]])?))
}

fn all_values(info: &dyn ClientInfo) -> PgWireResult<QueryResponse> {
    let rows = variables::all(info.metadata()).map(|(name, value)| [name, value, ""]);
    rows_of_texts(&ALL_COLUMNS, rows)
}

fn rows_of_texts<'a, const N: usize>(
    names: &[&str; N],
    rows: impl IntoIterator<Item = [&'a str; N]>,
) -> PgWireResult<QueryResponse> {
    let column = |name: &&str| FieldInfo::new((*name).to_owned(), None, None, Type::TEXT, FieldFormat::Text);
    let columns = Arc::new(names.iter().map(column).collect::<Vec<_>>());
    let mut encoder = DataRowEncoder::new(Arc::clone(&columns));
    let mut encoded = Vec::new();
    for row in rows {
        for value in row {
            encoder.encode_field(&Some(value))?;
        }
        encoded.push(Ok(encoder.take_row()));
    }
    Ok(QueryResponse::new(columns, futures::stream::iter(encoded)))
}
