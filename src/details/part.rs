//! One part: sorts, deduplicates and merges its enrolments and progress, and looks details up as its rows are read.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

use super::batches::RankedBatches;
use super::chunk::{CHUNK_ROWS, Chunk, booleans, record_batch};
use super::columns::{Column, Wanted};
use super::fingerprint::Fingerprint;
use super::fingerprints::of_batches;
use super::row_list::RowList;
use super::rows::{Enrolment, Key, Keyed, Progress, sort_and_deduplicate};
use super::users::RankedUsers;

/// The directories that all parts share, and the columns that their rows have.
pub struct Shared {
    pub(super) users: RankedUsers,
    pub(super) batches: RankedBatches,
    wanted: Wanted,
    schema: SchemaRef,
}

impl Shared {
    pub fn new(users: RankedUsers, batches: RankedBatches, wanted: Wanted) -> Self {
        Self {
            users,
            batches,
            schema: wanted.schema(),
            wanted,
        }
    }
}

/// A range of batches. Its rows can be read once.
pub struct Part {
    shared: Arc<Shared>,
    /// The batches of each section, by rank.
    sections: Vec<Range<u32>>,
    state: Mutex<State>,
}

struct State {
    rows: Rows,
    /// Whether the rows of each section are read; `None` for all.
    is_wanted: Option<Vec<bool>>,
}

enum Rows {
    AsRead(RowList<Enrolment>, RowList<Progress>),
    Sorted(SortedRows),
    Taken,
}

/// The active enrolments and the progress of a part, one of each key, ordered by the ranks of batch and user.
#[derive(Default)]
pub struct SortedRows {
    pub(super) enrolments: Vec<Enrolment>,
    pub(super) progress: Vec<Progress>,
}

impl Part {
    /// A part of these rows, whose sections are ranges of batches by rank.
    pub fn new(
        shared: Arc<Shared>,
        sections: Vec<Range<u32>>,
        enrolments: RowList<Enrolment>,
        progress: RowList<Progress>,
    ) -> Self {
        let state = State {
            rows: Rows::AsRead(enrolments, progress),
            is_wanted: None,
        };
        Self {
            shared,
            sections,
            state: Mutex::new(state),
        }
    }

    /// The fingerprints of its batches, in order. Sorts the rows.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        let mut state = self.state();
        let rows = std::mem::replace(&mut state.rows, Rows::Taken).sorted(&self.shared);
        let first = self.sections.first().map_or(0, |section| section.start);
        let end = self.sections.last().map_or(0, |section| section.end);
        let fingerprints = of_batches(&self.shared, &rows, first..end);
        state.rows = Rows::Sorted(rows);
        fingerprints
    }

    /// Chooses the sections whose rows will be read.
    pub fn want(&self, sections: Vec<bool>) {
        self.state().is_wanted = Some(sections);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn sorted(self, shared: &Shared) -> SortedRows {
        match self {
            Self::AsRead(enrolments, progress) => {
                let mut enrolments = by_rank(shared, enrolments);
                enrolments.retain(Enrolment::is_active);
                let progress = by_rank(shared, progress);
                SortedRows { enrolments, progress }
            }
            Self::Sorted(rows) => rows,
            Self::Taken => SortedRows::default(),
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Part")
    }
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.shared.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut state = self.state();
        let rows = std::mem::replace(&mut state.rows, Rows::Taken);
        let sections = self.sections.iter().enumerate();
        let wanted = sections.filter(|(place, _)| state.is_wanted.as_ref().is_none_or(|wanted| wanted[*place]));
        let wanted: Vec<Range<u32>> = wanted.map(|(_, batches)| batches.clone()).collect();
        let shared = Arc::clone(&self.shared);
        let chunks = std::iter::once_with(move || PartRows::new(shared, rows, &wanted)).flatten();
        let stream = futures::stream::iter(chunks);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.shared.schema), stream))
    }
}

/// The rows of some sections in order, a chunk at a time. No chunk has rows of two sections.
struct PartRows {
    shared: Arc<Shared>,
    enrolments: Vec<Enrolment>,
    progress: Vec<Progress>,
    /// The positions of the enrolments of each section that are still to come.
    sections: VecDeque<Range<usize>>,
    next_progress: usize,
}

impl PartRows {
    fn new(shared: Arc<Shared>, rows: Rows, sections: &[Range<u32>]) -> Self {
        let SortedRows { enrolments, progress } = rows.sorted(&shared);
        let before = |batch: u32| enrolments.partition_point(|row| row.key().batch() < batch);
        let sections = sections
            .iter()
            .map(|batches| before(batches.start)..before(batches.end));
        let sections = sections.filter(|rows| !rows.is_empty()).collect();
        Self {
            shared,
            enrolments,
            progress,
            sections,
            next_progress: 0,
        }
    }

    /// The progress of each enrolment. Both lists are sorted by key.
    fn progress_of(&mut self, enrolments: Range<usize>) -> Vec<Option<Progress>> {
        let mut found = Vec::with_capacity(enrolments.len());
        for enrolment in &self.enrolments[enrolments] {
            while self
                .progress
                .get(self.next_progress)
                .is_some_and(|progress| progress.key() < enrolment.key())
            {
                self.next_progress += 1;
            }
            let candidate = self.progress.get(self.next_progress).copied();
            found.push(candidate.filter(|progress| progress.key() == enrolment.key()));
        }
        found
    }

    fn chunk(&self, enrolments: &[Enrolment], progress: &[Option<Progress>]) -> Result<RecordBatch> {
        let (users, wanted) = (&self.shared.users, &self.shared.wanted);
        let numbers: Vec<u32> = enrolments.iter().map(|row| users.at_rank(row.key().user())).collect();
        let texts = self.texts(&numbers)?;
        let chunk = Chunk {
            batches: &self.shared.batches,
            ranks: enrolments.iter().map(|row| Some(row.key().batch())).collect(),
            enrolments,
            progress,
        };
        let column = |column: &Column| -> Result<ArrayRef> {
            if let Some(values) = chunk.column(*column)? {
                return Ok(values);
            }
            Ok(match column {
                Column::UserId => users.ids(&numbers),
                Column::KnownUser => booleans(numbers.iter().map(|&user| users.is_listed(user))),
                Column::Text(position) => match wanted.place_of_text(*position) {
                    Some(place) => Arc::clone(&texts[place]),
                    None => return internal_err!("a text that was not read is wanted"),
                },
                _ => return internal_err!("no column {column:?} is given"),
            })
        };
        let columns = wanted.columns().iter().map(column).collect::<Result<Vec<_>>>()?;
        record_batch(&self.shared.schema, columns, enrolments.len())
    }

    /// The wanted texts of these users, a column each; NULLs for those whom the export does not have.
    fn texts(&self, numbers: &[u32]) -> Result<Vec<ArrayRef>> {
        let users = &self.shared.users;
        let listed: Vec<Option<u32>> = numbers
            .iter()
            .map(|&user| users.is_listed(user).then_some(user))
            .collect();
        users.details(&listed)
    }
}

impl Iterator for PartRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let section = self.sections.front_mut()?;
        let chunk = section.start..section.end.min(section.start + CHUNK_ROWS);
        section.start = chunk.end;
        if section.start == section.end {
            self.sections.pop_front();
        }
        let progress = self.progress_of(chunk.clone());
        Some(self.chunk(&self.enrolments[chunk], &progress))
    }
}

/// The best row of each key, in the order of batch and user ids: numbers become ranks.
fn by_rank<R: Keyed<Key = Key>>(shared: &Shared, list: RowList<R>) -> Vec<R> {
    let (users, batches) = (&shared.users, &shared.batches);
    let mut rows: Vec<R> = Vec::with_capacity(list.len());
    for row in list {
        let key = row.key();
        rows.push(row.with_key(Key::new(batches.rank_of(key.batch()), users.rank_of(key.user()))));
    }
    sort_and_deduplicate(&mut rows);
    rows
}
