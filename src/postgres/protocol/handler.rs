//! The two protocols of PostgreSQL's clients, simple and extended, over one [`Session`]. Rows are sent as they are
//! made: a slow client makes its query wait, and its whole answer is never in memory.

use std::sync::Arc;

use futures::SinkExt;
use futures::future::BoxFuture;
use pgwire::api::portal::{Portal, PortalExecutionState};
use pgwire::api::query::{
    send_describe_response, send_execution_response, send_partial_query_response, send_query_response,
    send_ready_for_query,
};
use pgwire::api::results::{DescribePortalResponse, DescribeStatementResponse, Tag};
use pgwire::api::stmt::{QueryParser, StoredStatement};
use pgwire::api::store::Entry;
use pgwire::api::{ClientInfo, DEFAULT_NAME, PgWireConnectionState, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Close, CloseComplete, Describe, Execute, Parse, ParseComplete, TARGET_TYPE_BYTE_PORTAL,
    TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::response::{EmptyQueryResponse, TransactionStatus};
use pgwire::messages::simplequery::Query;

use super::copy;
use super::wire::{ExtendedWire, SimpleWire, WireClient};
use crate::postgres::error::QueryError;
use crate::postgres::session::{Prepared, Reply, Session};

/// Speaks with one client. The methods answer one message each.
pub struct Handler(pub Arc<Session>);

/// The simple protocol.
impl Handler {
    /// Runs one statement after the other. Those before a statement that fails are run, and answered.
    pub fn query<'a>(&'a self, client: &'a mut dyn SimpleWire, query: Query) -> BoxFuture<'a, PgWireResult<()>> {
        Box::pin(async move {
            if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
                return Err(PgWireError::NotReadyForQuery);
            }
            client.set_state(PgWireConnectionState::QueryInProgress);
            let statements = self.0.parse(&query.query)?;
            if statements.is_empty() {
                let empty = EmptyQueryResponse::new();
                WireClient(client)
                    .feed(PgWireBackendMessage::EmptyQueryResponse(empty))
                    .await?;
            }
            let is_one = statements.len() == 1;
            for parsed in statements {
                // The client's own text, where it is one statement.
                let text = match is_one {
                    true => query.query.clone(),
                    false => parsed.statement.to_string(),
                };
                let prepared = self.0.prepare(client, parsed, &text, 0).await?;
                match self.0.run(client, &prepared, None).await? {
                    Reply::Rows(rows) => send_query_response(&mut WireClient(client), rows, true).await?,
                    Reply::Copy(copied) => copy::send(&mut WireClient(client), copied).await?,
                    Reply::Done(tag) => send_execution_response(&mut WireClient(client), tag).await?,
                }
            }
            client.set_state(PgWireConnectionState::ReadyForQuery);
            let status = client.transaction_status();
            send_ready_for_query(&mut WireClient(client), status).await
        })
    }
}

/// The extended protocol.
impl Handler {
    /// Prepares a statement.
    pub fn parse<'a>(&'a self, client: &'a mut dyn ExtendedWire, message: Parse) -> BoxFuture<'a, PgWireResult<()>> {
        Box::pin(async move {
            let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
            let statement = StoredStatement::parse(&WireClient(client), &message, Arc::clone(&self.0)).await?;
            self.0.prepared(name)?;
            match statement {
                Some(statement) => client.store().put_statement(Arc::new(statement)),
                None => client.store().put_empty_statement(name),
            }
            WireClient(client)
                .feed(PgWireBackendMessage::ParseComplete(ParseComplete::new()))
                .await
        })
    }

    /// Makes a portal of a prepared statement and the values of its parameters.
    pub fn bind<'a>(&'a self, client: &'a mut dyn ExtendedWire, message: Bind) -> BoxFuture<'a, PgWireResult<()>> {
        Box::pin(async move {
            let name = message.statement_name.as_deref().unwrap_or(DEFAULT_NAME);
            let portal_name = message.portal_name.as_deref().unwrap_or(DEFAULT_NAME);
            match client.store().get_statement(name) {
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
                    client.store().put_portal(Arc::new(portal));
                }
                Some(Entry::Empty) => client.store().put_empty_portal(portal_name),
                None => return Err(PgWireError::StatementNotFound(name.to_owned())),
            }
            WireClient(client)
                .feed(PgWireBackendMessage::BindComplete(BindComplete::new()))
                .await
        })
    }

    /// Says what a prepared statement or a portal takes and gives.
    pub fn describe<'a>(
        &'a self,
        client: &'a mut dyn ExtendedWire,
        message: Describe,
    ) -> BoxFuture<'a, PgWireResult<()>> {
        Box::pin(async move {
            let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
            match message.target_type {
                TARGET_TYPE_BYTE_STATEMENT => {
                    let response = match client.store().get_statement(name) {
                        Some(Entry::Value(statement)) => self.described(&statement)?,
                        Some(Entry::Empty) => DescribeStatementResponse::new(Vec::new(), Vec::new()),
                        None => return Err(PgWireError::StatementNotFound(name.to_owned())),
                    };
                    send_describe_response(&mut WireClient(client), &response).await
                }
                TARGET_TYPE_BYTE_PORTAL => {
                    let columns = match client.store().get_portal(name) {
                        Some(Entry::Value(portal)) => {
                            self.0.fields(client, &portal.statement.statement, Some(&portal))?
                        }
                        Some(Entry::Empty) => Arc::default(),
                        // Clients may describe a cursor as a portal.
                        None => self
                            .0
                            .fields_of_cursor(client, name)?
                            .ok_or_else(|| QueryError::NoPortal(name.to_owned()))?,
                    };
                    let response = DescribePortalResponse::new(columns.to_vec());
                    send_describe_response(&mut WireClient(client), &response).await
                }
                other => Err(PgWireError::InvalidTargetType(other)),
            }
        })
    }

    /// The parameters and the columns of a statement.
    fn described(&self, stored: &StoredStatement<Prepared>) -> PgWireResult<DescribeStatementResponse> {
        let known = self.0.get_parameter_types(&stored.statement)?;
        let columns = self.0.get_result_schema(&stored.statement, None)?;
        let types = parameter_types(&stored.parameter_types, &known);
        Ok(DescribeStatementResponse::new(types, columns))
    }

    /// Runs a portal, or goes on with it.
    pub fn execute<'a>(
        &'a self,
        client: &'a mut dyn ExtendedWire,
        message: Execute,
    ) -> BoxFuture<'a, PgWireResult<()>> {
        Box::pin(async move {
            if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
                return Err(PgWireError::NotReadyForQuery);
            }
            let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
            let portal = match client.store().get_portal(name) {
                Some(Entry::Value(portal)) => portal,
                Some(Entry::Empty) => {
                    let empty = EmptyQueryResponse::new();
                    return WireClient(client)
                        .feed(PgWireBackendMessage::EmptyQueryResponse(empty))
                        .await;
                }
                None => return Err(QueryError::NoPortal(name.to_owned()).into()),
            };
            client.set_state(PgWireConnectionState::QueryInProgress);
            self.run(client, &portal, message.max_rows).await?;
            client.set_state(PgWireConnectionState::ReadyForQuery);
            Ok(())
        })
    }

    /// Runs a portal, or goes on with it, and sends at most `most` rows; all where it is not positive.
    async fn run(&self, client: &mut dyn SimpleWire, portal: &Portal<Prepared>, most: i32) -> PgWireResult<()> {
        let state = portal.state();
        let mut state = state.lock().await;
        if matches!(*state, PortalExecutionState::Initial) {
            match self.0.run(client, &portal.statement.statement, Some(portal)).await? {
                Reply::Rows(rows) => *state = PortalExecutionState::Suspended(rows),
                Reply::Copy(copied) => {
                    copy::send(&mut WireClient(client), copied).await?;
                    *state = PortalExecutionState::Finished;
                    return Ok(());
                }
                Reply::Done(tag) => {
                    send_execution_response(&mut WireClient(client), tag).await?;
                    *state = PortalExecutionState::Finished;
                    return Ok(());
                }
            }
        }
        let mut client = WireClient(client);
        let is_over = match &mut *state {
            PortalExecutionState::Suspended(rows) => {
                let most = usize::try_from(most).unwrap_or(0);
                !send_partial_query_response(&mut client, rows, most).await?
            }
            PortalExecutionState::Initial | PortalExecutionState::Finished => {
                send_execution_response(&mut client, Tag::new("SELECT").with_rows(0)).await?;
                true
            }
        };
        if is_over {
            *state = PortalExecutionState::Finished;
        }
        Ok(())
    }

    /// Ends a prepared statement or a portal.
    pub fn close<'a>(&'a self, client: &'a mut dyn ExtendedWire, message: Close) -> BoxFuture<'a, PgWireResult<()>> {
        Box::pin(async move {
            let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
            match message.target_type {
                TARGET_TYPE_BYTE_STATEMENT => {
                    client.store().rm_statement(name);
                    self.0.forgot(name);
                }
                TARGET_TYPE_BYTE_PORTAL => {
                    client.store().rm_portal(name);
                    self.0.forgot_portal(name);
                }
                _ => {}
            }
            WireClient(client)
                .feed(PgWireBackendMessage::CloseComplete(CloseComplete::new()))
                .await
        })
    }

    /// Outside a transaction, portals end here, and with them the queries that they did not read to the end.
    pub fn sync<'a>(&'a self, client: &'a mut dyn ExtendedWire) -> BoxFuture<'a, PgWireResult<()>> {
        Box::pin(async move {
            let status = client.transaction_status();
            match status {
                TransactionStatus::Idle => self.0.forget_portals(client),
                TransactionStatus::Transaction | TransactionStatus::Error => {
                    client.store().rm_portal(DEFAULT_NAME);
                    self.0.forgot_portal(DEFAULT_NAME);
                }
            }
            send_ready_for_query(&mut WireClient(client), status).await
        })
    }
}

impl Session {
    /// Prepares the only statement of a text; none of a blank one. `declared` is as in [`Session::prepare`].
    pub fn prepare_one<'a>(
        &'a self,
        info: &'a (dyn ClientInfo + Sync),
        sql: &'a str,
        declared: usize,
    ) -> BoxFuture<'a, PgWireResult<Option<Prepared>>> {
        Box::pin(async move {
            let mut statements = self.parse(sql)?;
            if statements.len() > 1 {
                let reason = "cannot insert multiple commands into a prepared statement".to_owned();
                return Err(QueryError::Syntax(reason).into());
            }
            match statements.pop() {
                Some(parsed) => self.prepare(info, parsed, sql, declared).await.map(Some),
                None => Ok(None),
            }
        })
    }
}

/// The types of a statement's parameters: those that the client gave, and where it gave none, those of the plan.
fn parameter_types(given: &[Option<Type>], known: &[Type]) -> Vec<Type> {
    let number = given.len().max(known.len());
    let types = (0..number).map(|at| {
        let given = given.get(at).cloned().flatten();
        given.or_else(|| known.get(at).cloned()).unwrap_or(Type::UNKNOWN)
    });
    types.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_the_client_gives_come_before_those_of_the_plan() {
        let types = parameter_types(&[None, Some(Type::INT4)], &[Type::TEXT, Type::INT8, Type::BOOL]);
        assert_eq!(types, [Type::TEXT, Type::INT4, Type::BOOL]);
        let types = parameter_types(&[Some(Type::DATE), None], &[]);
        assert_eq!(types, [Type::DATE, Type::UNKNOWN]);
    }
}
