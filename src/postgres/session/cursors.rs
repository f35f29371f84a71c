//! The cursors of one client: DECLARE, FETCH, MOVE and CLOSE.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};

use datafusion::arrow::datatypes::SchemaRef;
use pgwire::api::ClientInfo;
use pgwire::api::portal::{Format, Portal};
use pgwire::api::results::{FieldInfo, QueryResponse, Tag};
use pgwire::error::PgWireResult;
use tokio::sync::OwnedMutexGuard;

use super::running::{Running, fetched, passed};
use super::stop::Stop;
use super::{Prepared, Reply, Session, fields_of, held};
use crate::postgres::error::QueryError;

/// Cursors that one client may have open.
const MOST_CURSORS: usize = 64;

/// An open cursor.
pub struct Cursor {
    rows: Arc<tokio::sync::Mutex<Running>>,
    stop: Stop,
    columns: SchemaRef,
    /// Whether it stays open after its transaction (WITH HOLD).
    pub is_held: bool,
}

impl Session {
    pub(super) fn cursors(&self) -> MutexGuard<'_, BTreeMap<String, Cursor>> {
        held(&self.cursors)
    }

    /// An open cursor, which this client now waits for, and its columns.
    pub(super) fn cursor(&self, name: &str) -> Result<(Arc<tokio::sync::Mutex<Running>>, SchemaRef), QueryError> {
        let cursors = self.cursors();
        let cursor = cursors.get(name).ok_or_else(|| QueryError::NoCursor(name.to_owned()))?;
        self.client.waits_for(Some(cursor.stop.clone()));
        Ok((Arc::clone(&cursor.rows), Arc::clone(&cursor.columns)))
    }

    /// The columns of an open cursor as this client wants them; none where there is no such cursor.
    ///
    /// # Errors
    /// For columns of a type that clients cannot be told of.
    pub fn fields_of_cursor(&self, info: &dyn ClientInfo, name: &str) -> PgWireResult<Option<Arc<Vec<FieldInfo>>>> {
        let columns = self.cursors().get(name).map(|cursor| Arc::clone(&cursor.columns));
        columns
            .map(|columns| fields_of(info, &columns, &Format::UnifiedText))
            .transpose()
    }

    /// Starts a query whose rows wait for FETCH.
    pub(super) async fn declare(
        &self,
        info: &(dyn ClientInfo + Sync),
        prepared: &Prepared,
        portal: Option<&Portal<Prepared>>,
        name: &str,
        is_held: bool,
    ) -> PgWireResult<()> {
        if self.cursors().contains_key(name) {
            return Err(QueryError::CursorExists(name.to_owned()).into());
        }
        if self.cursors().len() >= MOST_CURSORS {
            return Err(QueryError::TooManyCursors.into());
        }
        let running = self.start(info, prepared, portal).await?;
        let columns = prepared.planned_columns();
        let stop = running.stop().clone();
        self.cursors().insert(
            name.to_owned(),
            Cursor {
                rows: Arc::new(tokio::sync::Mutex::new(running)),
                stop,
                columns: Arc::clone(&columns),
                is_held,
            },
        );
        Ok(())
    }

    /// The next rows of a cursor, at most `most`.
    pub(super) fn fetch(
        &self,
        info: &dyn ClientInfo,
        prepared: &Prepared,
        portal: Option<&Portal<Prepared>>,
        name: &str,
        most: Option<usize>,
    ) -> PgWireResult<Reply> {
        let (cursor, schema) = self.cursor(name)?;
        if prepared.columns.as_ref() != Some(&schema) {
            return Err(QueryError::OtherColumns.into());
        }
        let columns = self.fields(info, prepared, portal)?;
        let rows = fetched(free(cursor, name)?, most, Arc::clone(&columns));
        let mut response = QueryResponse::new(columns, rows);
        response.set_command_tag("FETCH");
        Ok(Reply::Rows(response))
    }

    /// Skips the next rows of a cursor, at most `most`.
    pub(super) async fn pass_over(&self, name: &str, most: Option<usize>) -> PgWireResult<Reply> {
        let (cursor, _) = self.cursor(name)?;
        let passed = passed(free(cursor, name)?, most).await?;
        Ok(Reply::Done(Tag::new("MOVE").with_rows(passed)))
    }

    /// Closes a cursor, or all of them. Returns the command tag.
    pub(super) fn close(&self, name: Option<&str>) -> Result<&'static str, QueryError> {
        let Some(name) = name else {
            self.cursors().clear();
            return Ok("CLOSE CURSOR ALL");
        };
        let closed = self.cursors().remove(name);
        closed
            .map(|_| "CLOSE CURSOR")
            .ok_or_else(|| QueryError::NoCursor(name.to_owned()))
    }
}

/// Locks the cursor for this statement. The lock fails at once instead of waiting: a portal that was not read to its
/// end holds it, perhaps for ever.
fn free(cursor: Arc<tokio::sync::Mutex<Running>>, name: &str) -> Result<OwnedMutexGuard<Running>, QueryError> {
    cursor
        .try_lock_owned()
        .map_err(|_| QueryError::CursorInUse(name.to_owned()))
}
