//! Builds record batches of events and of malformed lines.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, Date32Array, Int64Builder, ListArray, RecordBatch, StringViewBuilder, StructArray, UInt64Builder,
};
use datafusion::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

use super::event::{Event, Malformed};
use super::files::TelemetryFile;

/// The most rows of a batch, and the most bytes of text.
const BATCH_ROWS: usize = 8192;
const BATCH_BYTES: usize = 8 << 20;
/// The size of an entry of `cdata` beside its texts, in bytes.
const ENTRY_BYTES: usize = 32;

/// The columns of events: the day of arrival, and the fields of a telemetry event by their names.
pub fn events_schema() -> SchemaRef {
    let object = |name: &str, fields: Fields| Field::new(name, DataType::Struct(fields), true);
    Arc::new(Schema::new(vec![
        Field::new("arrival_date", DataType::Date32, false),
        text("eid"),
        Field::new("ets", DataType::Int64, true),
        text("mid"),
        object("actor", entity_fields()),
        object("context", context_fields()),
        object("object", entity_fields()),
        object("edata", event_data_fields()),
    ]))
}

/// The columns of malformed lines: file, line and reason. The content is left out, as it may be personal data.
pub fn malformed_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        text("file"),
        Field::new("line", DataType::UInt64, true),
        text("reason"),
    ]))
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8View, true)
}

fn entity_fields() -> Fields {
    Fields::from(vec![text("id")])
}

fn context_fields() -> Fields {
    Fields::from(vec![
        text("channel"),
        Field::new("pdata", DataType::Struct(entity_fields()), true),
        Field::new("cdata", DataType::List(cdatum_field()), true),
    ])
}

fn cdatum_field() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Struct(cdatum_fields()), true))
}

fn cdatum_fields() -> Fields {
    Fields::from(vec![text("type"), text("id")])
}

fn event_data_fields() -> Fields {
    Fields::from(vec![text("id"), text("type"), text("pageid")])
}

/// The columns of a batch of events.
pub struct EventColumns {
    pub arrived_on: i32,
    pub eid: ArrayRef,
    pub ets: ArrayRef,
    pub mid: ArrayRef,
    pub actor_id: ArrayRef,
    pub channel: ArrayRef,
    pub producer_id: ArrayRef,
    pub cdata: ArrayRef,
    pub object_id: ArrayRef,
    pub edata_id: ArrayRef,
    pub edata_type: ArrayRef,
    pub page_id: ArrayRef,
}

impl EventColumns {
    /// A batch of [`events_schema`].
    pub fn batch(self) -> Result<RecordBatch, ArrowError> {
        let rows = self.eid.len();
        let entity = |id| object(entity_fields(), vec![id]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Date32Array::from(vec![self.arrived_on; rows])),
            self.eid,
            self.ets,
            self.mid,
            entity(self.actor_id)?,
            object(
                context_fields(),
                vec![self.channel, entity(self.producer_id)?, self.cdata],
            )?,
            entity(self.object_id)?,
            object(event_data_fields(), vec![self.edata_id, self.edata_type, self.page_id])?,
        ];
        RecordBatch::try_new(events_schema(), columns)
    }
}

fn object(fields: Fields, columns: Vec<ArrayRef>) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(StructArray::try_new(fields, columns, None)?))
}

/// Builds lists of `cdata` from the offsets of the rows and the fields of the entries.
pub fn cdata(ends: OffsetBuffer<i32>, kinds: ArrayRef, ids: ArrayRef) -> Result<ArrayRef, ArrowError> {
    let entries = object(cdatum_fields(), vec![kinds, ids])?;
    Ok(Arc::new(ListArray::try_new(cdatum_field(), ends, entries, None)?))
}

/// Collects events.
#[derive(Default)]
pub struct EventRows {
    rows: usize,
    bytes: usize,
    eid: StringViewBuilder,
    ets: Int64Builder,
    mid: StringViewBuilder,
    actor_id: StringViewBuilder,
    channel: StringViewBuilder,
    producer_id: StringViewBuilder,
    cdata_ends: Vec<i32>,
    cdata_type: StringViewBuilder,
    cdata_id: StringViewBuilder,
    object_id: StringViewBuilder,
    edata_id: StringViewBuilder,
    edata_type: StringViewBuilder,
    page_id: StringViewBuilder,
    cdata_entries: i32,
}

impl EventRows {
    pub fn push(&mut self, event: &Event) {
        let mut bytes = 0;
        let mut add = |column: &mut StringViewBuilder, text: &super::event::Text| {
            bytes += text.as_ref().map_or(0, |text| text.len());
            column.append_option(text.as_deref());
        };
        add(&mut self.eid, &event.eid);
        add(&mut self.mid, &event.mid);
        add(&mut self.actor_id, &event.actor.id);
        add(&mut self.channel, &event.context.channel);
        add(&mut self.producer_id, &event.context.pdata.id);
        add(&mut self.object_id, &event.object.id);
        add(&mut self.edata_id, &event.edata.id);
        add(&mut self.edata_type, &event.edata.kind);
        add(&mut self.page_id, &event.edata.pageid);
        for datum in &event.context.cdata {
            add(&mut self.cdata_type, &datum.kind);
            add(&mut self.cdata_id, &datum.id);
            self.cdata_entries += 1;
        }
        bytes += ENTRY_BYTES * event.context.cdata.len();
        self.cdata_ends.push(self.cdata_entries);
        self.ets.append_option(event.ets.0);
        self.rows += 1;
        self.bytes += bytes;
    }

    pub fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// Takes the collected rows as a batch, if there are any.
    pub fn take(&mut self, arrived_on: i32) -> Result<Option<RecordBatch>, ArrowError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let mut full = std::mem::take(self);
        let text = |column: &mut StringViewBuilder| -> ArrayRef { Arc::new(column.finish()) };
        let ends = std::iter::once(0).chain(full.cdata_ends).collect::<Vec<_>>();
        let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
        let columns = EventColumns {
            arrived_on,
            eid: text(&mut full.eid),
            ets: Arc::new(full.ets.finish()),
            mid: text(&mut full.mid),
            actor_id: text(&mut full.actor_id),
            channel: text(&mut full.channel),
            producer_id: text(&mut full.producer_id),
            cdata: cdata(ends, text(&mut full.cdata_type), text(&mut full.cdata_id))?,
            object_id: text(&mut full.object_id),
            edata_id: text(&mut full.edata_id),
            edata_type: text(&mut full.edata_type),
            page_id: text(&mut full.page_id),
        };
        columns.batch().map(Some)
    }
}

/// Collects malformed lines.
#[derive(Default)]
pub struct MalformedRows {
    rows: usize,
    file: StringViewBuilder,
    line: UInt64Builder,
    reason: StringViewBuilder,
}

impl MalformedRows {
    pub fn push(&mut self, file: &TelemetryFile, line: Option<u64>, reason: &Malformed) {
        self.file.append_value(file.name());
        self.line.append_option(line);
        self.reason.append_value(reason.to_string());
        self.rows += 1;
    }

    pub fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS
    }

    /// Takes the collected rows as a batch, if there are any.
    pub fn take(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let mut full = std::mem::take(self);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(full.file.finish()),
            Arc::new(full.line.finish()),
            Arc::new(full.reason.finish()),
        ];
        RecordBatch::try_new(malformed_schema(), columns).map(Some)
    }
}
