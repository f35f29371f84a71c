//! Sends the rows of COPY TO STDOUT as they are made, a message each, as PostgreSQL does: a slow client makes the query
//! wait, and no answer is held in memory.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{Sink, SinkExt, StreamExt};
use pgwire::api::results::{FieldInfo, Tag};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::copy::{CopyData, CopyDone, CopyOutResponse};
use pgwire::messages::data::DataRow;
use pgwire::messages::response::CommandComplete;

use super::binary;
use super::binary_rows::EncodedRows;
use super::options::{CopyForm, Forced, Frame};
use crate::postgres::error::QueryError;

/// Bytes of the buffer that messages are written into; it is allocated for many messages at a time.
const BUFFER: usize = 64 * 1024;

/// Rows that are copied to a client.
pub struct CopyOut {
    layout: Layout,
    rows: CopyRows,
}

/// Rows whose values are encoded as [`CopyForm::value_format`] says.
pub enum CopyRows {
    /// As those of SELECT; text and CSV frame them.
    Values(BoxStream<'static, PgWireResult<DataRow>>),
    /// As the binary format has them, many at a time.
    Binary(BoxStream<'static, PgWireResult<EncodedRows>>),
}

/// The format of the rows.
struct Layout {
    form: CopyForm,
    columns: Arc<Vec<FieldInfo>>,
    /// Columns whose values are always quoted.
    forced: Vec<bool>,
}

impl CopyOut {
    /// For each of `columns`, whether `form` forces quotes on its values.
    ///
    /// # Errors
    /// Where it names a column that is not among them.
    pub fn forced(form: &CopyForm, columns: &[FieldInfo]) -> Result<Vec<bool>, QueryError> {
        let names = match &form.forced {
            Forced::All => return Ok(vec![true; columns.len()]),
            Forced::Columns(names) => names,
        };
        let is_here = |name: &&String| columns.iter().any(|column| column.name() == name.as_str());
        if let Some(other) = names.iter().find(|name| !is_here(name)) {
            return Err(QueryError::Option(format!(
                "FORCE_QUOTE column \"{other}\" not referenced by COPY"
            )));
        }
        let is_forced = |column: &FieldInfo| names.iter().any(|name| name == column.name());
        Ok(columns.iter().map(is_forced).collect())
    }

    /// A copy of `rows` in the format `form`. For [`Frame::Binary`], rows have to be [`CopyRows::Binary`].
    pub fn new(form: CopyForm, columns: Arc<Vec<FieldInfo>>, forced: Vec<bool>, rows: CopyRows) -> Self {
        let layout = Layout { form, columns, forced };
        Self { layout, rows }
    }
}

impl Layout {
    fn announced(&self) -> CopyOutResponse {
        let format = match self.form.frame {
            Frame::Binary => 1_i8,
            Frame::Text(_) | Frame::Csv(_) => 0,
        };
        let formats = vec![i16::from(format); self.columns.len()];
        // The engine has at most as many columns as two bytes count.
        let columns = i16::try_from(self.columns.len()).unwrap_or(i16::MAX);
        CopyOutResponse::new(format, columns, formats)
    }

    /// Writes the header, or the binary signature. Returns whether it is a message of its own: the signature is sent with
    /// the first row.
    fn start(&self, out: &mut BytesMut) -> bool {
        let names = self.columns.iter().map(FieldInfo::name);
        match &self.form.frame {
            Frame::Binary => binary::start(out),
            Frame::Text(form) if self.form.has_header => form.header(names, out),
            Frame::Csv(form) if self.form.has_header => form.header(names, out),
            Frame::Text(_) | Frame::Csv(_) => {}
        }
        self.form.has_header
    }

    fn row(&self, row: &DataRow, out: &mut BytesMut) {
        match &self.form.frame {
            Frame::Binary => binary::row(&row.data, row.field_count, out),
            Frame::Text(form) => form.row(&row.data, out),
            Frame::Csv(form) => form.row(&row.data, self.columns.len(), &self.forced, out),
        }
    }
}

/// Sends all rows, and what comes before and after them.
pub async fn send<C>(client: &mut C, copied: CopyOut) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let CopyOut { layout, rows } = copied;
    let announced = layout.announced();
    client.feed(PgWireBackendMessage::CopyOutResponse(announced)).await?;
    let mut out = BytesMut::with_capacity(BUFFER);
    if layout.start(&mut out) {
        client.feed(message(out.split().freeze())).await?;
    }
    let mut count = 0;
    match rows {
        CopyRows::Values(mut rows) => {
            while let Some(row) = rows.next().await {
                layout.row(&row?, &mut out);
                client.feed(message(out.split().freeze())).await?;
                count += 1;
            }
        }
        CopyRows::Binary(mut rows) => {
            while let Some(rows) = rows.next().await {
                for row in rows?.rows() {
                    client.feed(message(after(&mut out, row))).await?;
                    count += 1;
                }
            }
        }
    }
    if matches!(layout.form.frame, Frame::Binary) {
        binary::end(&mut out);
        client.feed(message(out.split().freeze())).await?;
    }
    client.feed(PgWireBackendMessage::CopyDone(CopyDone::new())).await?;
    let complete = CommandComplete::from(Tag::new("COPY").with_rows(count));
    client.feed(PgWireBackendMessage::CommandComplete(complete)).await?;
    Ok(())
}

/// The message of a row: the row alone, or after the binary signature, which is sent with the first row.
fn after(out: &mut BytesMut, row: Bytes) -> Bytes {
    if out.is_empty() {
        return row;
    }
    out.extend_from_slice(&row);
    out.split().freeze()
}

fn message(bytes: Bytes) -> PgWireBackendMessage {
    PgWireBackendMessage::CopyData(CopyData::new(bytes))
}
