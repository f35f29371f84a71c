//! Reads a file of telemetry in constant memory, and sends its events or its malformed lines.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use datafusion::parquet::errors::ParquetError;
use flate2::bufread::MultiGzDecoder;
use futures::{StreamExt, TryStreamExt};
use object_store::{GetOptions, GetResultPayload};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::event::{self, Malformed};
use super::files::{TelemetryFile, TelemetryFormat};
use super::lines::{Line, Lines, MOST_BYTES};
use super::outcome::Outcome;
use super::parquet;
use super::rows::{EventRows, MalformedRows};
use crate::exports::PinnedFile;

/// The magic bytes of gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const READ_BYTES: usize = 256 << 10;
/// The number of lines after which a reader checks whether its query was cancelled.
const LINES_BETWEEN_LOOKS: u64 = 4096;

/// The rows that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Events,
    /// Malformed lines.
    Malformed,
}

pub type Batches = Sender<Result<RecordBatch, DataFusionError>>;

/// Why reading stopped before the end of the file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the query was cancelled")]
    Unwanted,
    #[error("telemetry {file} cannot be read: {reason}; check the connection and the permissions")]
    Unreadable { file: String, reason: String },
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

/// Reads `file` to its end, sends the wanted rows, and stores the counts.
pub async fn read(file: Arc<TelemetryFile>, wanted: Wanted, batches: Batches) -> Result<(), ReadError> {
    let outcome = match file.format {
        TelemetryFormat::Lines => {
            let content = open(&file).await.map_err(|error| unreadable(&file, &error))?;
            let file = Arc::clone(&file);
            let reading = tokio::task::spawn_blocking(move || read_lines(&file, content, wanted, &batches));
            match reading.await {
                Ok(outcome) => outcome?,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => return Err(ReadError::Unwanted),
            }
        }
        TelemetryFormat::Parquet => read_parquet(&file, wanted, &batches).await?,
    };
    file.note(outcome);
    Ok(())
}

fn unreadable(file: &TelemetryFile, error: &dyn std::error::Error) -> ReadError {
    ReadError::Unreadable {
        file: file.place(),
        reason: error.to_string(),
    }
}

/// Opens the file with the content that it had when it was listed.
async fn open(file: &TelemetryFile) -> Result<Box<dyn Read + Send>, object_store::Error> {
    let options = GetOptions {
        range: Some((0..file.object.size).into()),
        ..GetOptions::default()
    };
    let content = file.location.store.get_opts(&file.object.location, options).await?;
    Ok(match content.payload {
        GetResultPayload::File(content, _) => Box::new(content.take(file.object.size)),
        GetResultPayload::Stream(content) => {
            let content = StreamReader::new(content.map_err(io::Error::from));
            Box::new(SyncIoBridge::new_with_handle(content, Handle::current()))
        }
    })
}

/// Reads lines until the end, or until the file is damaged.
fn read_lines(
    file: &TelemetryFile,
    content: Box<dyn Read + Send>,
    wanted: Wanted,
    batches: &Batches,
) -> Result<Outcome, ReadError> {
    let (content, is_gzip) = decompressed(content).map_err(|error| unreadable(file, &error))?;
    let mut lines = Lines::new(content, MOST_BYTES);
    let mut sink = Sink::new(file, wanted);
    loop {
        let parsed = match lines.next() {
            Ok(None) => break,
            Ok(Some(Line::Whole(line))) => event::parse(line),
            Ok(Some(Line::TooLong)) => Err(Malformed::TooLong(MOST_BYTES)),
            Err(error) if is_gzip && is_damage(&error) => {
                let damage = Malformed::Damaged(format!("the gzip data is damaged or cut short ({error})"));
                sink.malformed(Some(lines.number), &damage);
                sink.outcome.damage = Some(damage);
                break;
            }
            Err(error) => return Err(unreadable(file, &error)),
        };
        match parsed {
            Ok(event) => sink.event(&event),
            Err(reason) => sink.malformed(Some(lines.number), &reason),
        }
        if sink.is_full() {
            send_blocking(sink.take()?, batches)?;
        }
        if lines.number.is_multiple_of(LINES_BETWEEN_LOOKS) && batches.is_closed() {
            return Err(ReadError::Unwanted);
        }
    }
    send_blocking(sink.take()?, batches)?;
    Ok(sink.outcome)
}

/// Decompresses a file, and returns whether it was compressed, by its first bytes.
fn decompressed(content: Box<dyn Read + Send>) -> io::Result<(Box<dyn BufRead>, bool)> {
    let mut content = BufReader::with_capacity(READ_BYTES, content);
    let mut first = Vec::new();
    content.by_ref().take(GZIP.len() as u64).read_to_end(&mut first)?;
    let is_gzip = first == GZIP;
    let content = io::Cursor::new(first).chain(content);
    if is_gzip {
        let text = BufReader::with_capacity(READ_BYTES, MultiGzDecoder::new(content));
        return Ok((Box::new(text), true));
    }
    Ok((Box::new(content), false))
}

/// Whether the error is of the decoder, not of the store or disk.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof
    )
}

async fn read_parquet(file: &TelemetryFile, wanted: Wanted, batches: &Batches) -> Result<Outcome, ReadError> {
    let mut sink = Sink::new(file, wanted);
    if let Err(error) = read_rows(file, &mut sink, batches).await? {
        let damage = Malformed::Damaged(format!("the Parquet file cannot be read ({error})"));
        sink.malformed(None, &damage);
        sink.outcome.damage = Some(damage);
    }
    send(sink.take()?, batches).await?;
    Ok(sink.outcome)
}

/// Reads rows to the end, or until the file is damaged, which the inner result returns.
async fn read_rows(
    file: &TelemetryFile,
    sink: &mut Sink<'_>,
    batches: &Batches,
) -> Result<Result<(), ParquetError>, ReadError> {
    let content = PinnedFile {
        store: Arc::clone(&file.location.store),
        object: Arc::new(file.object.clone()),
    };
    let builder = match ParquetRecordBatchStreamBuilder::new(content).await {
        Ok(builder) => builder,
        Err(error) => return damage_of(file, error),
    };
    let columns = builder.parquet_schema().root_schema().get_fields();
    let read = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| parquet::COLUMNS.contains(&column.name()));
    let read = ProjectionMask::roots(
        builder.parquet_schema(),
        read.map(|(place, _)| place).collect::<Vec<_>>(),
    );
    let mut rows = match builder.with_projection(read).build() {
        Ok(rows) => rows,
        Err(error) => return damage_of(file, error),
    };
    let mut number = 0;
    while let Some(read) = rows.next().await {
        let read = match read {
            Ok(read) => read,
            Err(error) => return damage_of(file, error),
        };
        let (events, without) = parquet::events(&read, sink.arrived_on())?;
        for place in without {
            sink.malformed(Some(number + place as u64 + 1), &Malformed::WithoutEid);
        }
        number += read.num_rows() as u64;
        sink.outcome.events += events.num_rows() as u64;
        match sink.wanted {
            Wanted::Events => send(Some(events), batches).await?,
            Wanted::Malformed if sink.is_full() => send(sink.take()?, batches).await?,
            Wanted::Malformed => {}
        }
    }
    Ok(Ok(()))
}

fn damage_of(file: &TelemetryFile, error: ParquetError) -> Result<Result<(), ParquetError>, ReadError> {
    match error {
        ParquetError::External(error) => Err(unreadable(file, error.as_ref())),
        error => Ok(Err(error)),
    }
}

fn send_blocking(batch: Option<RecordBatch>, batches: &Batches) -> Result<(), ReadError> {
    match batch {
        Some(batch) => batches.blocking_send(Ok(batch)).map_err(|_| ReadError::Unwanted),
        None => Ok(()),
    }
}

async fn send(batch: Option<RecordBatch>, batches: &Batches) -> Result<(), ReadError> {
    match batch {
        Some(batch) => batches.send(Ok(batch)).await.map_err(|_| ReadError::Unwanted),
        None => Ok(()),
    }
}

/// Collects the wanted rows, and counts all.
struct Sink<'a> {
    file: &'a TelemetryFile,
    wanted: Wanted,
    events: EventRows,
    malformed: MalformedRows,
    outcome: Outcome,
}

impl<'a> Sink<'a> {
    fn new(file: &'a TelemetryFile, wanted: Wanted) -> Self {
        Self {
            file,
            wanted,
            events: EventRows::default(),
            malformed: MalformedRows::default(),
            outcome: Outcome::default(),
        }
    }

    fn arrived_on(&self) -> i32 {
        self.file.arrived_on.day().to_epoch_days()
    }

    fn event(&mut self, event: &event::Event) {
        self.outcome.events += 1;
        if self.wanted == Wanted::Events {
            self.events.push(event);
        }
    }

    fn malformed(&mut self, line: Option<u64>, reason: &Malformed) {
        self.outcome.malformed += 1;
        if self.wanted == Wanted::Malformed {
            self.malformed.push(self.file, line, reason);
        }
    }

    fn is_full(&self) -> bool {
        self.events.is_full() || self.malformed.is_full()
    }

    fn take(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        match self.wanted {
            Wanted::Events => self.events.take(self.arrived_on()),
            Wanted::Malformed => self.malformed.take(),
        }
    }
}
