//! What the service shows of each batch beside its name: learners, completions, progress, the name of its course, and what
//! changed with the latest nightly run.
//!
//! Computed once for each snapshot, on a thread of its own and never inside a request; new figures replace the old ones
//! as a whole. What is held is bounded by the number of batches.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use futures::StreamExt;
use tokio::sync::watch;

use crate::catalog::{Catalog, CatalogError};
use crate::delivery::source::{Current, ReportSource};
use crate::engine::EngineError;
use crate::ids::BatchId;
use crate::nightly::changes::{ChangedBatch, batches_of};
use crate::nightly::{Published, PublishedError};
use crate::ratio::figures::with_columns;

/// The query that counts learners and completions.
const PROGRESS: &str = "reports/batch_progress";
/// Delay before figures that could not be computed are tried again; it doubles up to the longest one, since each try
/// reads all enrolments.
const RETRY: Duration = Duration::from_secs(60);
const LONGEST_RETRY: Duration = Duration::from_secs(3600);

static PROGRESS_COLUMNS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let columns = [
        ("batch_id", DataType::Utf8),
        ("learners", DataType::Int64),
        ("completed", DataType::Int64),
        ("average_progress", DataType::Float64),
    ];
    let fields = columns.map(|(name, kind)| Field::new(name, kind, true));
    Arc::new(Schema::new(fields.to_vec()))
});

/// Figures of batches that cannot be computed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum BatchFiguresError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("the figures of batches are not of the expected form: {0}")]
    Form(#[from] ArrowError),
    #[error("the figures of batches cannot be computed: {0}")]
    Thread(#[from] std::io::Error),
}

/// How far the learners of one batch are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BatchProgress {
    /// Rows of the batch's report.
    pub learners: u64,
    /// Those with a day of completion.
    pub completed: u64,
    /// The average progress in percent, with one digit; none where no learner has any.
    pub average: Option<f64>,
}

/// The figures of all batches of one snapshot.
#[derive(Debug)]
pub struct BatchFigures {
    /// The digest of the source, which identifies the snapshot.
    fingerprint: String,
    /// The nightly output that has the changes: its place, and when its run began.
    output: Option<(String, DateTime<Utc>)>,
    counted: Arc<Counted>,
    changes: Option<Changes>,
}

/// What is computed from the snapshot.
#[derive(Debug)]
struct Counted {
    progress: HashMap<String, BatchProgress>,
}

/// What the nightly run of the snapshot's day found changed.
#[derive(Debug)]
struct Changes {
    /// The day of the output that it was compared with.
    since: NaiveDate,
    batches: HashMap<String, ChangedBatch>,
}

/// Holds the newest figures of batches.
pub struct BatchFiguresSource {
    source: Arc<ReportSource>,
    held: RwLock<Option<Arc<BatchFigures>>>,
}

impl BatchFigures {
    /// How far the learners of a batch are; zero of all where its report has no rows.
    pub fn progress_of(&self, batch: &BatchId) -> BatchProgress {
        self.counted.progress.get(batch.as_str()).copied().unwrap_or_default()
    }

    /// The day since which changes are known; none where they are not.
    pub fn changes_since(&self) -> Option<NaiveDate> {
        self.changes.as_ref().map(|changes| changes.since)
    }

    /// What changed in a batch since that day; none where nothing did, or changes are not known.
    pub fn change_of(&self, batch: &BatchId) -> Option<&ChangedBatch> {
        self.changes.as_ref()?.batches.get(batch.as_str())
    }

    async fn of(current: &Current, earlier: Option<&Self>) -> Result<Self, BatchFiguresError> {
        let same = earlier.filter(|earlier| earlier.fingerprint == current.fingerprint());
        let counted = match same {
            Some(earlier) => Arc::clone(&earlier.counted),
            None => Arc::new(Counted {
                progress: progress(current.catalog()).await?,
            }),
        };
        Ok(Self {
            fingerprint: current.fingerprint().to_owned(),
            output: output_of(current),
            counted,
            changes: changes(current).await,
        })
    }

    fn is_of(&self, current: &Current) -> bool {
        self.fingerprint == current.fingerprint() && self.output == output_of(current)
    }
}

impl BatchFiguresSource {
    /// A source without figures.
    pub fn new(source: Arc<ReportSource>) -> Self {
        Self {
            source,
            held: RwLock::new(None),
        }
    }

    /// The figures of this snapshot; `None` until they are computed.
    pub fn of_snapshot(&self, current: &Current) -> Option<Arc<BatchFigures>> {
        self.held()
            .filter(|figures| figures.fingerprint == current.fingerprint())
    }

    fn held(&self) -> Option<Arc<BatchFigures>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Computes the figures of the newest source, unless they are held. Failures are logged, and the present figures stay.
    pub async fn load(&self) -> bool {
        let current = self.source.current();
        let held = self.held();
        if held.as_ref().is_some_and(|held| held.is_of(&current)) {
            return true;
        }
        match BatchFigures::of(&current, held.as_deref()).await {
            Ok(figures) => {
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(figures));
                true
            }
            Err(error) => {
                tracing::warn!("the list of batches shows no counts of learners: {error}");
                false
            }
        }
    }

    /// Computes figures whenever the source has changed, until `stop`.
    async fn follow(&self, mut stop: watch::Receiver<bool>) {
        let mut changes = self.source.changes();
        let mut retry = RETRY;
        loop {
            changes.mark_unchanged();
            let is_loaded = tokio::select! {
                is_loaded = self.load() => is_loaded,
                _ = stop.changed() => return,
            };
            if is_loaded {
                retry = RETRY;
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(retry), if !is_loaded => { retry = (retry * 2).min(LONGEST_RETRY); }
                _ = stop.changed() => return,
            }
        }
    }

    /// Spawns a thread that computes figures whenever the source has changed, until `stop`; it takes one core at most.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub fn spawn(self: Arc<Self>, stop: watch::Receiver<bool>) -> Result<(), BatchFiguresError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("batch-figures".to_owned());
        thread.spawn(move || runtime.block_on(self.follow(stop)))?;
        Ok(())
    }
}

/// The nightly output of a source, as far as figures depend on it.
fn output_of(current: &Current) -> Option<(String, DateTime<Utc>)> {
    let output = current.output()?;
    Some((output.place(), output.manifest().timings.started_at))
}

async fn progress(catalog: &Catalog) -> Result<HashMap<String, BatchProgress>, BatchFiguresError> {
    let query = catalog.query(PROGRESS, |parameters| parameters).await?;
    let mut stream = query.execute_stream().await.map_err(EngineError::running(PROGRESS))?;
    let mut found = HashMap::new();
    while let Some(rows) = stream.next().await {
        append(rows.map_err(EngineError::running(PROGRESS))?, &mut found)?;
    }
    Ok(found)
}

fn append(rows: RecordBatch, found: &mut HashMap<String, BatchProgress>) -> Result<(), ArrowError> {
    let rows = with_columns(&PROGRESS_COLUMNS, &[rows])?;
    let ids = rows.column(0).as_string::<i32>();
    let (learners, completed) = (
        rows.column(1).as_primitive::<Int64Type>(),
        rows.column(2).as_primitive::<Int64Type>(),
    );
    let averages = rows.column(3).as_primitive::<Float64Type>();
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    for (row, id) in ids.iter().enumerate() {
        let Some(id) = id else { continue };
        let progress = BatchProgress {
            learners: count(learners.value(row)),
            completed: count(completed.value(row)),
            average: averages.is_valid(row).then(|| averages.value(row)),
        };
        found.insert(id.to_owned(), progress);
    }
    Ok(())
}

/// What changed, where the nightly output is of the snapshot's day and was compared with an earlier one.
async fn changes(current: &Current) -> Option<Changes> {
    let output = current.output()?;
    let manifest = output.manifest();
    if manifest.snapshot_date != current.catalog().date {
        return None;
    }
    let since = manifest.changes_since?.day();
    match changed_batches(output).await {
        Ok(batches) => Some(Changes { since, batches }),
        Err(reason) => {
            tracing::warn!("the list of batches does not show what changed: {reason}");
            None
        }
    }
}

async fn changed_batches(output: &Published) -> Result<HashMap<String, ChangedBatch>, String> {
    let rows = match output.changed_batches().await {
        Ok(rows) => rows,
        Err(PublishedError::NoChanges { .. }) => return Ok(HashMap::new()),
        Err(error) => return Err(error.to_string()),
    };
    let batches = batches_of(&rows).map_err(|error| error.to_string())?;
    Ok(batches
        .into_iter()
        .map(|batch| (batch.batch_id.clone(), batch))
        .collect())
}
