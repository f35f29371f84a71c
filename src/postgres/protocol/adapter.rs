//! `pgwire`'s traits for [`Handler`] and [`Session`]. Each method erases the type of its client and forwards.
//!
//! The methods of the traits are generic in the client. Were they `async`, rustc would prove for each of them anew that
//! all that its future holds (sessions, plans, syntax trees) is `Send`, as it keeps in its global cache only what it
//! proves without bounds on type parameters. That took 68 s of the 175 s of this library's front end. So they are what
//! `#[async_trait]` makes of `async` methods, without a future of their own: they return the boxed future of a function
//! that has no type parameters. `LoggingIn` does the same.

use std::sync::Arc;

use futures::future::BoxFuture;
use pgwire::api::portal::{Format, Portal};
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::api::results::{FieldInfo, Response};
use pgwire::api::stmt::QueryParser;
use pgwire::api::{ClientInfo, Type};
use pgwire::error::PgWireResult;
use pgwire::messages::extendedquery::{Bind, Close, Describe, Execute, Parse, Sync as SyncMessage};
use pgwire::messages::simplequery::Query;

use super::handler::Handler;
use super::result_columns;
use super::wire::{ExtendedWire, SimpleWire};
use crate::postgres::session::{Prepared, Session};

impl SimpleQueryHandler for Handler {
    fn on_query<'handler, 'client, 'answer, C>(
        &'handler self,
        client: &'client mut C,
        query: Query,
    ) -> BoxFuture<'answer, PgWireResult<()>>
    where
        'handler: 'answer,
        'client: 'answer,
        C: SimpleWire + 'answer,
    {
        self.query(client, query)
    }

    /// Never called, because `on_query` is overridden.
    fn do_query<'handler, 'client, 'query, 'answer, C>(
        &'handler self,
        _client: &'client mut C,
        _query: &'query str,
    ) -> BoxFuture<'answer, PgWireResult<Vec<Response>>>
    where
        'handler: 'answer,
        'client: 'answer,
        'query: 'answer,
        C: SimpleWire + 'answer,
    {
        no_responses()
    }
}

impl ExtendedQueryHandler for Handler {
    type Statement = Prepared;
    type QueryParser = Session;

    fn query_parser(&self) -> Arc<Session> {
        Arc::clone(&self.0)
    }

    fn on_parse<'handler, 'client, 'answer, C>(
        &'handler self,
        client: &'client mut C,
        message: Parse,
    ) -> BoxFuture<'answer, PgWireResult<()>>
    where
        'handler: 'answer,
        'client: 'answer,
        C: ExtendedWire + 'answer,
    {
        self.parse(client, message)
    }

    fn on_bind<'handler, 'client, 'answer, C>(
        &'handler self,
        client: &'client mut C,
        message: Bind,
    ) -> BoxFuture<'answer, PgWireResult<()>>
    where
        'handler: 'answer,
        'client: 'answer,
        C: ExtendedWire + 'answer,
    {
        self.bind(client, message)
    }

    fn on_describe<'handler, 'client, 'answer, C>(
        &'handler self,
        client: &'client mut C,
        message: Describe,
    ) -> BoxFuture<'answer, PgWireResult<()>>
    where
        'handler: 'answer,
        'client: 'answer,
        C: ExtendedWire + 'answer,
    {
        self.describe(client, message)
    }

    fn on_execute<'handler, 'client, 'answer, C>(
        &'handler self,
        client: &'client mut C,
        message: Execute,
    ) -> BoxFuture<'answer, PgWireResult<()>>
    where
        'handler: 'answer,
        'client: 'answer,
        C: ExtendedWire + 'answer,
    {
        self.execute(client, message)
    }

    fn on_close<'handler, 'client, 'answer, C>(
        &'handler self,
        client: &'client mut C,
        message: Close,
    ) -> BoxFuture<'answer, PgWireResult<()>>
    where
        'handler: 'answer,
        'client: 'answer,
        C: ExtendedWire + 'answer,
    {
        self.close(client, message)
    }

    fn on_sync<'handler, 'client, 'answer, C>(
        &'handler self,
        client: &'client mut C,
        _message: SyncMessage,
    ) -> BoxFuture<'answer, PgWireResult<()>>
    where
        'handler: 'answer,
        'client: 'answer,
        C: ExtendedWire + 'answer,
    {
        self.sync(client)
    }

    /// Never called, because `on_execute` is overridden.
    fn do_query<'handler, 'client, 'portal, 'answer, C>(
        &'handler self,
        _client: &'client mut C,
        _portal: &'portal Portal<Prepared>,
        _max_rows: usize,
    ) -> BoxFuture<'answer, PgWireResult<Response>>
    where
        'handler: 'answer,
        'client: 'answer,
        'portal: 'answer,
        C: ExtendedWire + 'answer,
    {
        no_response()
    }
}

impl QueryParser for Session {
    type Statement = Prepared;

    fn parse_sql<'session, 'client, 'sql, 'types, 'answer, C>(
        &'session self,
        client: &'client C,
        sql: &'sql str,
        types: &'types [Option<Type>],
    ) -> BoxFuture<'answer, PgWireResult<Option<Prepared>>>
    where
        'session: 'answer,
        'client: 'answer,
        'sql: 'answer,
        'types: 'answer,
        C: ClientInfo + Sync + 'answer,
    {
        self.prepare_one(client, sql, types.len())
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

fn no_responses() -> BoxFuture<'static, PgWireResult<Vec<Response>>> {
    Box::pin(async { Ok(Vec::new()) })
}

fn no_response() -> BoxFuture<'static, PgWireResult<Response>> {
    Box::pin(async { Ok(Response::EmptyQuery) })
}
