//! The `enrolments` and `course_progress` tables: who joined which batch when, and how far they got.
//!
//! Everything is drawn for the last day. An earlier day leaves out what had not happened by then and
//! takes progress back in proportion. A few rows in every thousand are wrong the way exports are wrong;
//! the constants below say how.

use std::sync::Arc;

use datafusion::arrow::array::{BooleanBuilder, Int32Builder, RecordBatch, StringBuilder, TimestampMillisecondBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::batches::{Batch, Batches, eligible_users};
use super::draws::{Draws, Stream, write_uuid};
use super::people::People;
use super::plan::{DAY, HOUR, Plan};
use super::write::{CHUNK_ROWS, TableWriter};
use super::{SampleError, record_batch, utc_milliseconds};

/// Row numbers are taken modulo this for the deliberate mistakes. It divides `CHUNK_ROWS`, so no pattern crosses a
/// chunk.
const PATTERN: usize = 1000;
/// Repeats the previous enrolment with a later time, sometimes as inactive.
const AGAIN: usize = 37;
/// Has two rows of progress.
const PROGRESS_TWICE: usize = 111;
/// Names a user who is not in `users`.
const UNKNOWN_USER: usize = 223;
/// Has one more row of progress, in a batch that the user is not enrolled in.
const NOT_ENROLLED: usize = 359;
/// Is completed before the enrolment.
const TOO_EARLY: usize = 487;

/// All enrolments of the last day: who is in which batch, ordered by user as the platform stores them.
pub(super) struct Learning<'a> {
    plan: &'a Plan,
    people: &'a People,
    batches: &'a Batches,
    /// User and batch numbers, 32 bits each; each pair occurs once.
    pairs: Vec<u64>,
}

/// The tables of one day that are written together.
pub(super) struct LearningTables<'a> {
    pub enrolments: &'a mut TableWriter,
    pub progress: &'a mut TableWriter,
}

/// The number of distinct learners among `rows` rows of enrolments.
pub(super) fn different_learners(rows: usize) -> usize {
    rows - repeated_before(rows)
}

/// How many of the rows before this one repeat another row.
fn repeated_before(row: usize) -> usize {
    (row + PATTERN - 1 - AGAIN) / PATTERN
}

impl<'a> Learning<'a> {
    pub fn draw(plan: &'a Plan, people: &'a People, batches: &'a Batches) -> Learning<'a> {
        let mut pairs = Vec::with_capacity(different_learners(plan.enrolments));
        for (number, batch) in batches.all().iter().enumerate() {
            let mut draws = Draws::new(plan.seed, Stream::Enrolees, number);
            push_learners(plan, batch, &mut draws, |user| {
                pairs.push((user as u64) << 32 | number as u64)
            });
        }
        pairs.sort_unstable();
        Learning {
            plan,
            people,
            batches,
            pairs,
        }
    }

    /// Writes both tables of one day and returns the rows of the largest batch.
    pub fn write_day(&self, day: usize, mut tables: LearningTables) -> Result<u64, SampleError> {
        let mut learners = vec![0u64; self.batches.all().len()];
        for chunk in 0..self.plan.enrolments.div_ceil(CHUNK_ROWS) {
            self.write_chunk(day, chunk, &mut tables, &mut learners)?;
        }
        Ok(learners.into_iter().max().unwrap_or(0))
    }

    fn write_chunk(
        &self,
        day: usize,
        chunk: usize,
        tables: &mut LearningTables,
        learners: &mut [u64],
    ) -> Result<(), SampleError> {
        let day_end = self.plan.day_end(day);
        let mut enrolments = EnrolmentColumns::new();
        let mut progress = ProgressColumns::new();
        for (row, enrolment) in self.draw_chunk(chunk) {
            if enrolment.enrolled_at >= day_end {
                continue;
            }
            learners[enrolment.batch] += 1;
            enrolments.push(&enrolment, self.batch(&enrolment));
            self.push_progress(row, &enrolment, day_end, &mut progress);
        }
        tables.enrolments.write(&enrolments.finish()?)?;
        tables.progress.write(&progress.finish()?)
    }

    /// The rows of a chunk as of the last day, with their numbers.
    fn draw_chunk(&self, chunk: usize) -> impl Iterator<Item = (usize, Enrolment)> {
        let mut draws = Draws::new(self.plan.seed, Stream::Learning, chunk);
        let start = chunk * CHUNK_ROWS;
        let end = self.plan.enrolments.min(start + CHUNK_ROWS);
        let mut previous: Option<Enrolment> = None;
        (start..end).map(move |row| {
            let enrolment = match previous {
                Some(previous) if row % PATTERN == AGAIN => self.enrol_again(row, previous),
                _ => self.draw_enrolment(row, &mut draws),
            };
            previous = Some(enrolment);
            (row, enrolment)
        })
    }

    fn draw_enrolment(&self, row: usize, draws: &mut Draws) -> Enrolment {
        let pair = self.pairs[row - repeated_before(row)];
        let (user, number) = ((pair >> 32) as usize, pair as u32 as usize);
        let enrolled_at = self.draw_time(row, user, &self.batches.all()[number], draws);
        Enrolment {
            user: if row % PATTERN == UNKNOWN_USER {
                draws.uuid()
            } else {
                self.people.id(user)
            },
            batch: number,
            enrolled_at,
            active: !draws.chance(0.03),
            study: draw_study(row, enrolled_at, draws),
        }
    }

    /// Newcomers enrol once they are there. Of the others some enrol on the days of the sample, so that
    /// every day brings new rows, and most soon after the batch opened.
    fn draw_time(&self, row: usize, user: usize, batch: &Batch, draws: &mut Draws) -> i64 {
        let last_day = self.plan.last_day();
        if let Some(joined) = self.plan.joined_on(user) {
            return draws.between(self.plan.day_end(joined - 1), self.plan.last_end() - HOUR);
        }
        if batch.open && row % 50 == 5 && last_day > 0 {
            let day = 1 + row / 50 % last_day;
            return draws.between(self.plan.day_end(day - 1), self.plan.day_end(day) - HOUR);
        }
        batch.opens_at + draws.skewed((batch.closes_at - batch.opens_at) as usize) as i64
    }

    fn enrol_again(&self, row: usize, previous: Enrolment) -> Enrolment {
        let left = self.batch(&previous).closes_at + HOUR - previous.enrolled_at;
        Enrolment {
            enrolled_at: previous.enrolled_at + left / 2,
            active: (row / PATTERN).is_multiple_of(2),
            study: None,
            ..previous
        }
    }

    fn push_progress(&self, row: usize, enrolment: &Enrolment, day_end: i64, columns: &mut ProgressColumns) {
        let batch = self.batch(enrolment);
        let Some(study) = enrolment.study else { return };
        let progress = study.progress_at(day_end);
        columns.push(enrolment.user, batch, progress);
        if row % PATTERN == PROGRESS_TWICE {
            columns.push(enrolment.user, batch, progress.older(row / PATTERN));
        }
        if row % PATTERN == NOT_ENROLLED
            && let Some(empty) = self.batches.empty()
        {
            columns.push(enrolment.user, &self.batches.all()[empty], progress);
        }
    }

    fn batch(&self, enrolment: &Enrolment) -> &Batch {
        &self.batches.all()[enrolment.batch]
    }
}

/// Draws the learners of a batch: three of four from its own tenant, as far as that has users.
fn push_learners(plan: &Plan, batch: &Batch, draws: &mut Draws, mut push: impl FnMut(usize)) {
    let users = eligible_users(plan, batch);
    let (home, away) = (plan.tenants.home(batch.tenant), plan.tenants.away(batch.tenant));
    let (at_home, elsewhere) = (home.count(users), away.count(users));
    let local = (batch.learners * 3 / 4)
        .min(at_home * 9 / 10)
        .max(batch.learners.saturating_sub(elsewhere));
    draws
        .distinct(at_home, local)
        .for_each(|position| push(home.nth(position)));
    draws
        .distinct(elsewhere, batch.learners - local)
        .for_each(|position| push(away.nth(position)));
}

/// One row of `enrolments`, with the learner's progress over time.
#[derive(Debug, Clone, Copy)]
struct Enrolment {
    user: u128,
    batch: usize,
    enrolled_at: i64,
    active: bool,
    study: Option<Study>,
}

/// Linear progress from 0 % at `begins_at` to `goal` at `ends_at`.
#[derive(Debug, Clone, Copy)]
struct Study {
    begins_at: i64,
    ends_at: i64,
    goal: i64,
    /// Whether the percent is missing in the export.
    untold: bool,
}

/// One row of `course_progress`.
#[derive(Debug, Clone, Copy)]
struct Progress {
    percent: Option<i32>,
    completed_at: Option<i64>,
}

/// The progress of an enrolment: 15 % have none; two of five of the others complete the course.
fn draw_study(row: usize, enrolled_at: i64, draws: &mut Draws) -> Option<Study> {
    let missing = draws.chance(0.15);
    let completes = draws.chance(0.43);
    let goal = if completes { 100 } else { draws.below(100) as i64 };
    let study = Study {
        begins_at: enrolled_at,
        ends_at: enrolled_at + draws.between(HOUR, 60 * DAY),
        goal,
        untold: draws.chance(0.005),
    };
    match row % PATTERN {
        TOO_EARLY => Some(Study {
            ends_at: 2 * enrolled_at - study.ends_at,
            goal: 100,
            ..study
        }),
        PROGRESS_TWICE | NOT_ENROLLED => Some(study),
        _ => (!missing).then_some(study),
    }
}

impl Study {
    fn progress_at(&self, moment: i64) -> Progress {
        let ended = self.ends_at < moment;
        let percent = if ended {
            self.goal
        } else {
            (self.goal * (moment - self.begins_at) / (self.ends_at - self.begins_at)).min(99)
        };
        Progress {
            percent: (!self.untold).then_some(percent as i32),
            completed_at: (ended && self.goal == 100).then_some(self.ends_at),
        }
    }
}

impl Progress {
    /// The second row of progress: in turn less progress, or the same with a slightly earlier completion.
    fn older(self, turn: usize) -> Progress {
        if turn.is_multiple_of(2) {
            Progress {
                percent: self.percent.map(|percent| percent / 2),
                completed_at: None,
            }
        } else {
            Progress {
                completed_at: self.completed_at.map(|at| at - HOUR / 6),
                ..self
            }
        }
    }
}

/// The schema of the `enrolments` table.
pub(super) fn enrolments_schema() -> SchemaRef {
    let mut fields = key_fields();
    fields.push(Field::new("enrolled_at", utc_milliseconds(), true));
    fields.push(Field::new("active", DataType::Boolean, true));
    Arc::new(Schema::new(fields))
}

/// The schema of the `course_progress` table.
pub(super) fn progress_schema() -> SchemaRef {
    let mut fields = key_fields();
    fields.push(Field::new("progress_percent", DataType::Int32, true));
    fields.push(Field::new("completed_at", utc_milliseconds(), true));
    Arc::new(Schema::new(fields))
}

fn key_fields() -> Vec<Field> {
    ["user_id", "course_id", "batch_id"]
        .map(|name| Field::new(name, DataType::Utf8, false))
        .to_vec()
}

/// User, course and batch of the rows of a chunk, being filled.
#[derive(Default)]
struct KeyColumns {
    user: StringBuilder,
    course: StringBuilder,
    batch: StringBuilder,
    text: String,
}

impl KeyColumns {
    fn push(&mut self, user: u128, batch: &Batch) {
        write_uuid(user, &mut self.text);
        self.user.append_value(&self.text);
        self.course.append_value(&batch.course_id);
        self.batch.append_value(&batch.id);
    }
}

struct EnrolmentColumns {
    keys: KeyColumns,
    enrolled_at: TimestampMillisecondBuilder,
    active: BooleanBuilder,
}

impl EnrolmentColumns {
    fn new() -> EnrolmentColumns {
        EnrolmentColumns {
            keys: KeyColumns::default(),
            enrolled_at: TimestampMillisecondBuilder::new().with_data_type(utc_milliseconds()),
            active: BooleanBuilder::new(),
        }
    }

    fn push(&mut self, enrolment: &Enrolment, batch: &Batch) {
        self.keys.push(enrolment.user, batch);
        self.enrolled_at.append_value(enrolment.enrolled_at);
        self.active.append_value(enrolment.active);
    }

    fn finish(mut self) -> Result<RecordBatch, SampleError> {
        let columns = vec![
            Arc::new(self.keys.user.finish()) as _,
            Arc::new(self.keys.course.finish()) as _,
            Arc::new(self.keys.batch.finish()) as _,
            Arc::new(self.enrolled_at.finish()) as _,
            Arc::new(self.active.finish()) as _,
        ];
        record_batch("enrolments", enrolments_schema(), columns)
    }
}

struct ProgressColumns {
    keys: KeyColumns,
    percent: Int32Builder,
    completed_at: TimestampMillisecondBuilder,
}

impl ProgressColumns {
    fn new() -> ProgressColumns {
        ProgressColumns {
            keys: KeyColumns::default(),
            percent: Int32Builder::new(),
            completed_at: TimestampMillisecondBuilder::new().with_data_type(utc_milliseconds()),
        }
    }

    fn push(&mut self, user: u128, batch: &Batch, progress: Progress) {
        self.keys.push(user, batch);
        self.percent.append_option(progress.percent);
        self.completed_at.append_option(progress.completed_at);
    }

    fn finish(mut self) -> Result<RecordBatch, SampleError> {
        let columns = vec![
            Arc::new(self.keys.user.finish()) as _,
            Arc::new(self.keys.course.finish()) as _,
            Arc::new(self.keys.batch.finish()) as _,
            Arc::new(self.percent.finish()) as _,
            Arc::new(self.completed_at.finish()) as _,
        ];
        record_batch("course_progress", progress_schema(), columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_rows_are_counted() {
        let counted = (0..5000).filter(|row| row % PATTERN == AGAIN).count();
        assert_eq!(repeated_before(5000), counted);
        assert_eq!(repeated_before(AGAIN), 0);
        assert_eq!(repeated_before(AGAIN + 1), 1);
    }

    #[test]
    fn progress_grows_and_completes_only_at_the_end() {
        let study = Study {
            begins_at: 0,
            ends_at: 10 * DAY,
            goal: 100,
            untold: false,
        };
        assert_eq!(study.progress_at(5 * DAY).percent, Some(50));
        let last = study.progress_at(10 * DAY);
        assert_eq!((last.percent, last.completed_at), (Some(99), None));
        let done = study.progress_at(11 * DAY);
        assert_eq!((done.percent, done.completed_at), (Some(100), Some(10 * DAY)));
    }

    #[test]
    fn a_learner_who_stops_never_completes() {
        let study = Study {
            begins_at: 0,
            ends_at: DAY,
            goal: 99,
            untold: false,
        };
        let progress = study.progress_at(100 * DAY);
        assert_eq!((progress.percent, progress.completed_at), (Some(99), None));
    }
}
