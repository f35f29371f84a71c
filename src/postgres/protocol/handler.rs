//! The two protocols of PostgreSQL's clients, simple and extended, over one [`Session`]. Rows are sent as they are
//! made: a client that takes its time keeps a query waiting, never its whole answer in memory.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::api::query::{
    ExtendedQueryHandler, SimpleQueryHandler, send_describe_response, send_execution_response,
    send_partial_query_response, send_query_response, send_ready_for_query,
};
use pgwire::api::results::{
    DescribePortalResponse, DescribeStatementResponse, FieldInfo, QueryResponse, Response, Tag,
};
use pgwire::api::stmt::{QueryParser, StoredStatement};
use pgwire::api::store::{Entry, PortalStore};
use pgwire::api::{ClientInfo, ClientPortalStore, DEFAULT_NAME, PgWireConnectionState, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Close, CloseComplete, Describe, Execute, Parse, ParseComplete, Sync as SyncMessage,
    TARGET_TYPE_BYTE_PORTAL, TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::response::{EmptyQueryResponse, TransactionStatus};
use pgwire::messages::simplequery::Query;

use super::copy;
use super::result_columns;
use crate::postgres::error::QueryError;
use crate::postgres::session::{Prepared, Reply, Session};

/// Speaks with one client.
pub struct Handler(pub Arc<Session>);

#[async_trait]
impl SimpleQueryHandler for Handler {
    /// One statement after the other: what comes before one that fails is done, and answered.
    async fn on_query<C>(&self, client: &mut C, query: Query) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        client.set_state(PgWireConnectionState::QueryInProgress);
        let statements = self.0.parse(&query.query)?;
        if statements.is_empty() {
            client
                .feed(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new()))
                .await?;
        }
        let is_one = statements.len() == 1;
        for parsed in statements {
            // What the client wrote, where it is one statement.
            let text = match is_one {
                true => query.query.clone(),
                false => parsed.statement.to_string(),
            };
            let prepared = self.0.prepare(client, parsed, &text, 0).await?;
            match self.0.run(client, &prepared, None).await? {
                Reply::Rows(rows) => send_query_response(client, rows, true).await?,
                Reply::Copy(copied) => copy::send(client, copied).await?,
                Reply::Done(tag) => send_execution_response(client, tag).await?,
            }
        }
        client.set_state(PgWireConnectionState::ReadyForQuery);
        let status = client.transaction_status();
        send_ready_for_query(client, status).await
    }

    /// Never called, because `on_query` is overridden.
    async fn do_query<C>(&self, _client: &mut C, _query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        Ok(Vec::new())
    }
}

#[async_trait]
impl ExtendedQueryHandler for Handler {
    type Statement = Prepared;
    type QueryParser = Session;

    fn query_parser(&self) -> Arc<Session> {
        Arc::clone(&self.0)
    }

    async fn on_parse<C>(&self, client: &mut C, message: Parse) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let statement = StoredStatement::parse(client, &message, self.query_parser()).await?;
        self.0.prepared(name)?;
        match statement {
            Some(statement) => client.portal_store().put_statement(Arc::new(statement)),
            None => client.portal_store().put_empty_statement(name),
        }
        client
            .feed(PgWireBackendMessage::ParseComplete(ParseComplete::new()))
            .await?;
        Ok(())
    }

    async fn on_bind<C>(&self, client: &mut C, message: Bind) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.statement_name.as_deref().unwrap_or(DEFAULT_NAME);
        let portal_name = message.portal_name.as_deref().unwrap_or(DEFAULT_NAME);
        match client.portal_store().get_statement(name) {
            Some(Entry::Value(statement)) => {
                let wanted = statement.statement.parameters.len();
                if message.parameters.len() != wanted {
                    let given = message.parameters.len();
                    return Err(QueryError::Syntax(format!(
                        "{given} parameters were given to a statement that has {wanted}"
                    ))
                    .into());
                }
                let portal = Portal::try_new(&message, statement)?;
                self.0.portal(portal_name)?;
                client.portal_store().put_portal(Arc::new(portal));
            }
            Some(Entry::Empty) => client.portal_store().put_empty_portal(portal_name),
            None => return Err(PgWireError::StatementNotFound(name.to_owned())),
        }
        client
            .feed(PgWireBackendMessage::BindComplete(BindComplete::new()))
            .await?;
        Ok(())
    }

    async fn on_describe<C>(&self, client: &mut C, message: Describe) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        match message.target_type {
            TARGET_TYPE_BYTE_STATEMENT => match client.portal_store().get_statement(name) {
                Some(Entry::Value(statement)) => {
                    let response = self.do_describe_statement(client, &statement).await?;
                    send_describe_response(client, &response).await
                }
                Some(Entry::Empty) => {
                    let nothing = DescribeStatementResponse::new(Vec::new(), Vec::new());
                    send_describe_response(client, &nothing).await
                }
                None => Err(PgWireError::StatementNotFound(name.to_owned())),
            },
            TARGET_TYPE_BYTE_PORTAL => {
                let columns = match client.portal_store().get_portal(name) {
                    Some(Entry::Value(portal)) => self.0.fields(client, &portal.statement.statement, Some(&portal))?,
                    Some(Entry::Empty) => Arc::default(),
                    // Cursors are portals to clients.
                    None => self
                        .0
                        .fields_of_cursor(client, name)?
                        .ok_or_else(|| QueryError::NoPortal(name.to_owned()))?,
                };
                send_describe_response(client, &DescribePortalResponse::new(columns.to_vec())).await
            }
            other => Err(PgWireError::InvalidTargetType(other)),
        }
    }

    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let portal = match client.portal_store().get_portal(name) {
            Some(Entry::Value(portal)) => portal,
            Some(Entry::Empty) => {
                client
                    .feed(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new()))
                    .await?;
                return Ok(());
            }
            None => return Err(QueryError::NoPortal(name.to_owned()).into()),
        };
        client.set_state(PgWireConnectionState::QueryInProgress);
        self.execute(client, &portal, message.max_rows).await?;
        client.set_state(PgWireConnectionState::ReadyForQuery);
        Ok(())
    }

    async fn on_close<C>(&self, client: &mut C, message: Close) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        match message.target_type {
            TARGET_TYPE_BYTE_STATEMENT => {
                client.portal_store().rm_statement(name);
                self.0.forgot(name);
            }
            TARGET_TYPE_BYTE_PORTAL => {
                client.portal_store().rm_portal(name);
                self.0.forgot_portal(name);
            }
            _ => {}
        }
        client
            .feed(PgWireBackendMessage::CloseComplete(CloseComplete::new()))
            .await?;
        Ok(())
    }

    /// Outside a transaction, portals end here, and with them the queries that they did not read to the end.
    async fn on_sync<C>(&self, client: &mut C, _message: SyncMessage) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let status = client.transaction_status();
        match status {
            TransactionStatus::Idle => self.0.forget_portals(client),
            TransactionStatus::Transaction | TransactionStatus::Error => {
                client.portal_store().rm_portal(DEFAULT_NAME);
                self.0.forgot_portal(DEFAULT_NAME);
            }
        }
        send_ready_for_query(client, status).await
    }

    /// Never called, because `on_execute` is overridden.
    async fn do_query<C>(&self, _client: &mut C, _portal: &Portal<Prepared>, _max_rows: usize) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        Ok(Response::EmptyQuery)
    }
}

impl Handler {
    /// Runs a portal, or goes on with it, and sends at most `most` rows; all where it is not positive.
    async fn execute<C>(&self, client: &mut C, portal: &Portal<Prepared>, most: i32) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let state = portal.state();
        let mut state = state.lock().await;
        if matches!(*state, PortalExecutionState::Initial) {
            match self.0.run(client, &portal.statement.statement, Some(portal)).await? {
                Reply::Rows(rows) => *state = PortalExecutionState::Suspended(rows),
                Reply::Copy(copied) => {
                    copy::send(client, copied).await?;
                    *state = PortalExecutionState::Finished;
                    return Ok(());
                }
                Reply::Done(tag) => {
                    send_execution_response(client, tag).await?;
                    *state = PortalExecutionState::Finished;
                    return Ok(());
                }
            }
        }
        let is_over = match &mut *state {
            PortalExecutionState::Suspended(rows) => !send_rows(client, rows, most).await?,
            PortalExecutionState::Initial | PortalExecutionState::Finished => {
                send_execution_response(client, Tag::new("SELECT").with_rows(0)).await?;
                true
            }
        };
        if is_over {
            *state = PortalExecutionState::Finished;
        }
        Ok(())
    }
}

/// Sends rows; true where more are left.
async fn send_rows<C>(client: &mut C, rows: &mut QueryResponse, most: i32) -> PgWireResult<bool>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let most = usize::try_from(most).unwrap_or(0);
    send_partial_query_response(client, rows, most).await
}

#[async_trait]
impl QueryParser for Session {
    type Statement = Prepared;

    async fn parse_sql<C>(&self, client: &C, sql: &str, types: &[Option<Type>]) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let mut statements = self.parse(sql)?;
        if statements.len() > 1 {
            let reason = "cannot insert multiple commands into a prepared statement".to_owned();
            return Err(QueryError::Syntax(reason).into());
        }
        match statements.pop() {
            Some(parsed) => Ok(Some(self.prepare(client, parsed, sql, types.len()).await?)),
            None => Ok(None),
        }
    }

    fn get_parameter_types(&self, statement: &Prepared) -> PgWireResult<Vec<Type>> {
        let wire = statement.parameters.iter().map(|parameter| parameter.wire.clone());
        Ok(wire.collect())
    }

    fn get_result_schema(&self, statement: &Prepared, format: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        match &statement.columns {
            Some(columns) => result_columns::fields(columns, format.unwrap_or(&Format::UnifiedText), None),
            None => Ok(Vec::new()),
        }
    }
}
