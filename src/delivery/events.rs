//! Clicks and reports handed over as telemetry events (`docs/design.md`, "Download events and the ratio"), in files
//! that the download ratio reads. Each event is durable and counted once.
//!
//! Every process writes files of its own: `date=YYYY-MM-DD/events-HH-<process>-<number>.ndjson`, by the UTC hour of the
//! event. To add events, the whole file is rewritten and renamed into place. A process that dies between writing a file
//! and marking its events as written leaves duplicates, which readers recognise by their `mid`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use serde::Serialize;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::store::{EventKind, Store, StoreError, StoredEvent};
use crate::exports::Location;
use crate::files::put_durably;

/// The polling interval for events to write, which finds those of other processes too.
const POLL_INTERVAL: Duration = Duration::from_secs(15);
/// The batching delay: how long to wait for more events before a file is written, so that they are written together.
const BATCHING_DELAY: Duration = Duration::from_millis(250);
/// Events in a full file. No more are added then, because each addition rewrites the whole file.
const MOST_EVENTS: u32 = 2_000;
/// The age after which a file is not rewritten. Requests, whose events it is rewritten from, are kept for longer than
/// that.
const FILE_GROWS_FOR: TimeDelta = TimeDelta::hours(1);
/// A writer that claimed events and has not written them after this time is taken for dead. Where it was only slow,
/// they are written twice and counted once.
const WRITER_IS_GONE: TimeDelta = TimeDelta::seconds(30);
const HOUR: TimeDelta = TimeDelta::hours(1);

/// Events that cannot be written; they stay in the store.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum EventsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("events cannot be written to {place}: {reason}; check its permissions and free space")]
    NotWritten { place: String, reason: String },
}

/// Writes the store's events into files.
#[derive(Debug)]
pub struct EventWriter {
    store: Store,
    events: Location,
    /// Notified when this process accepts a click.
    wake_up: Arc<Notify>,
    /// Identifies this process in the names of its files.
    process: String,
    files_begun: u32,
    /// The file that each hour's events go to.
    growing: BTreeMap<DateTime<Utc>, GrowingFile>,
    /// Files that hold events which are not marked as written.
    unwritten: BTreeSet<String>,
}

#[derive(Debug)]
struct GrowingFile {
    path: String,
    events: u32,
    begun_at: DateTime<Utc>,
    /// When it last claimed events: strictly increasing whatever the clock says, because events are ordered by it.
    taken_at: DateTime<Utc>,
}

impl EventWriter {
    /// A writer of the store's events into `events`.
    pub fn new(store: Store, events: Location, wake_up: Arc<Notify>) -> Self {
        Self {
            store,
            events,
            wake_up,
            process: Uuid::new_v4().simple().to_string(),
            files_begun: 0,
            growing: BTreeMap::new(),
            unwritten: BTreeSet::new(),
        }
    }

    /// Writes events as they come until `stop` turns true, then those that are left.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.flush(Utc::now()).await {
                tracing::error!("events wait in the store: {error}");
            }
            if *stop.borrow_and_update() {
                return;
            }
            tokio::select! {
                () = self.wake_up.notified() => tokio::time::sleep(BATCHING_DELAY).await,
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                stopped = stop.changed() => if stopped.is_err() { return },
            }
        }
    }

    /// Writes every unwritten event, also those that dead processes had claimed; returns how many.
    ///
    /// # Errors
    /// The database does not answer, or a file of events cannot be written.
    pub async fn flush(&mut self, now: DateTime<Utc>) -> Result<u64, EventsError> {
        self.store.give_back_events(now - WRITER_IS_GONE).await?;
        let mut written = 0;
        for file in self.unwritten.clone() {
            written += self.write(&file, now).await?;
        }
        while let Some(oldest) = self.store.oldest_untaken_event().await? {
            let hour = start_of_hour(oldest);
            let file = self.file_of(hour, now);
            let (path, room) = (file.path.clone(), MOST_EVENTS.saturating_sub(file.events));
            file.taken_at = now.max(file.taken_at + TimeDelta::milliseconds(1));
            let taken_at = file.taken_at;
            // Also where claiming fails: it may have been committed although its answer was lost.
            self.unwritten.insert(path.clone());
            let taken = self.store.take_events(&path, hour..hour + HOUR, room, taken_at).await?;
            if let Some(file) = self.growing.get_mut(&hour) {
                file.events = file.events.saturating_add(u32::try_from(taken).unwrap_or(u32::MAX));
            }
            written += self.write(&path, now).await?;
        }
        Ok(written)
    }

    /// The file for the events of an hour: the current one, or a new one.
    fn file_of(&mut self, hour: DateTime<Utc>, now: DateTime<Utc>) -> &mut GrowingFile {
        self.growing
            .retain(|_, file| file.events < MOST_EVENTS && now - file.begun_at < FILE_GROWS_FOR);
        let (begun, process) = (&mut self.files_begun, &self.process);
        self.growing.entry(hour).or_insert_with(|| {
            *begun += 1;
            let (day, hour) = (hour.format("%Y-%m-%d"), hour.format("%H"));
            GrowingFile {
                path: format!("date={day}/events-{hour}-{process}-{begun:04}.ndjson"),
                events: 0,
                begun_at: now,
                taken_at: now - TimeDelta::milliseconds(1),
            }
        })
    }

    /// Writes a file whole, then marks its events.
    async fn write(&mut self, file: &str, now: DateTime<Utc>) -> Result<u64, EventsError> {
        let events = self.store.events_of_file(file).await?;
        if !events.is_empty() {
            self.put(file, lines(&events)).await?;
        }
        let marked = self.store.mark_events_written(file, now).await?;
        self.unwritten.remove(file);
        Ok(marked)
    }

    async fn put(&self, file: &str, content: Vec<u8>) -> Result<(), EventsError> {
        let object = file
            .split('/')
            .fold(self.events.prefix.clone(), |folder, part| folder.join(part));
        let not_written = |reason: String| EventsError::NotWritten {
            place: self.events.display(&object),
            reason,
        };
        if !self.events.is_local() {
            let put = self.events.store.put(&object, PutPayload::from(content)).await;
            return put.map(|_| ()).map_err(|error| not_written(error.to_string()));
        }
        let local = |object| local_place(object).map_err(|error| not_written(error.to_string()));
        let (root, place) = (local(&self.events.prefix)?, local(&object)?);
        // The store's own `put` does not wait for the disk.
        let written = tokio::task::spawn_blocking(move || put_durably(&root, &place, &content)).await;
        written
            .map_err(|error| not_written(error.to_string()))?
            .map_err(|error| not_written(error.to_string()))
    }
}

fn local_place(object: &Path) -> Result<PathBuf, object_store::Error> {
    LocalFileSystem::new().path_to_filesystem(object)
}

fn start_of_hour(time: DateTime<Utc>) -> DateTime<Utc> {
    time.duration_trunc(HOUR).unwrap_or(time)
}

/// One event a line.
fn lines(events: &[StoredEvent]) -> Vec<u8> {
    let mut lines = Vec::new();
    for event in events {
        // Writing texts and numbers to memory does not fail.
        if serde_json::to_writer(&mut lines, &Event::from(event)).is_ok() {
            lines.push(b'\n');
        }
    }
    lines
}

/// A click, as the platform's own events describe it.
const INTERACTION: &str = "INTERACT";
const BUTTON: &str = "download-progress-report";
const CLICK: &str = "click";
const PAGE: &str = "course-progress-dashboard";
/// A delivery: the request's change of state, which no rule counts as a click.
const AUDIT: &str = "AUDIT";
const DELIVERED: &str = "report-delivered";
const DELIVERY: &str = "delivery";
/// A delivery by a subscription, without a click, which the ratio's figures of deliveries leave out.
const SENT_BY_SUBSCRIPTION: &str = "report-sent-by-subscription";
const ENVIRONMENT: &str = "course-progress";
/// The producer of the event.
const PRODUCER: &str = "pragati";
const PRODUCER_PART: &str = "pragati-serve";

/// A Sunbird telemetry v3 event. What is not known is left out.
#[derive(Debug, Serialize)]
struct Event<'a> {
    eid: &'static str,
    /// Milliseconds since 1970 UTC.
    ets: i64,
    ver: &'static str,
    mid: &'a str,
    actor: Entity<'a>,
    context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Entity<'a>>,
    edata: EventData,
}

#[derive(Debug, Serialize)]
struct Context<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    pdata: Producer,
    env: &'static str,
    cdata: Vec<Entity<'a>>,
}

#[derive(Debug, Serialize)]
struct Producer {
    id: &'static str,
    ver: &'static str,
    pid: &'static str,
}

#[derive(Debug, Serialize)]
struct Entity<'a> {
    id: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct EventData {
    id: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pageid: Option<&'static str>,
    /// The new state of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

impl EventData {
    fn of(event: &StoredEvent) -> Self {
        let kind = event.kind;
        match kind {
            EventKind::Click => Self {
                id: BUTTON,
                kind: CLICK,
                pageid: Some(PAGE),
                state: None,
            },
            EventKind::Sent | EventKind::Ready => Self {
                id: if event.is_by_subscription {
                    SENT_BY_SUBSCRIPTION
                } else {
                    DELIVERED
                },
                kind: DELIVERY,
                pageid: None,
                state: Some(kind.word()),
            },
        }
    }
}

impl<'a> From<&'a StoredEvent> for Event<'a> {
    fn from(event: &'a StoredEvent) -> Self {
        let entity = |kind, id: &'a str| Entity { id: id.into(), kind };
        let mut cdata = vec![entity("Batch", &event.batch_id)];
        let eid = match event.kind {
            EventKind::Click => INTERACTION,
            EventKind::Sent | EventKind::Ready => {
                cdata.push(Entity {
                    id: event.request_id.to_string().into(),
                    kind: "Request",
                });
                AUDIT
            }
        };
        Self {
            eid,
            ets: event.event_time.timestamp_millis(),
            ver: "3.0",
            mid: &event.mid,
            actor: entity("User", event.user_id.as_str()),
            context: Context {
                channel: event.tenant_id.as_deref(),
                pdata: Producer {
                    id: PRODUCER,
                    ver: env!("CARGO_PKG_VERSION"),
                    pid: PRODUCER_PART,
                },
                env: ENVIRONMENT,
                cdata,
            },
            object: event.course_id.as_deref().map(|course| entity("Course", course)),
            edata: EventData::of(event),
        }
    }
}
