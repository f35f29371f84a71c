//! The `batches` table, and how many learners each batch has: a few very large ones, many small ones,
//! and some that nobody joined.

use std::sync::Arc;

use chrono::{Days, NaiveDate};
use datafusion::arrow::array::{ArrayRef, Date32Builder, ListBuilder, RecordBatch, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Date32Type, Field, Schema, SchemaRef};

use super::draws::{Draws, Stream};
use super::names::{COURSES, STATES};
use super::people::People;
use super::plan::{DAY, HOUR, Members, Plan, end_of};
use super::write::{CHUNK_ROWS, TableWriter};
use super::{SampleError, record_batch};

/// From this number of enrolments on, one batch has more than 100,000 learners.
const LARGE_SAMPLE: usize = 1_000_000;
const LARGE_BATCH: usize = 110_000;

/// One batch of a course.
pub(super) struct Batch {
    pub id: String,
    pub course_id: String,
    pub course_name: &'static str,
    pub tenant: usize,
    /// When enrolment begins and stops, in milliseconds.
    pub opens_at: i64,
    pub closes_at: i64,
    /// Whether the batch is still open on the last day.
    pub open: bool,
    /// Distinct learners on the last day.
    pub learners: usize,
    name: String,
    /// The user who created the batch.
    creator: usize,
    mentors: Option<Vec<usize>>,
    start: NaiveDate,
    end: Option<NaiveDate>,
}

impl Batch {
    /// The creator and the mentors.
    pub fn staff(&self) -> Vec<usize> {
        let mentors = self.mentors.iter().flatten().copied();
        std::iter::once(self.creator).chain(mentors).collect()
    }
}

/// All batches, which are the same on every day.
pub(super) struct Batches(Vec<Batch>);

impl Batches {
    /// Draws the batches and distributes `learners` enrolments among them.
    pub fn draw(plan: &Plan, learners: usize) -> Result<Batches, SampleError> {
        let mut draws = Draws::new(plan.seed, Stream::Batches, 0);
        let mut by_size: Vec<usize> = (0..plan.batches).collect();
        draws.shuffle(&mut by_size);
        let rank_of = inverse(&by_size);
        let mut batches: Vec<Batch> = (0..plan.batches)
            .map(|number| draw_batch(plan, number, rank_of[number], &mut draws))
            .collect();
        let most: Vec<usize> = by_size
            .iter()
            .map(|&number| most_learners(plan, &batches[number]))
            .collect();
        for (number, learners) in by_size.into_iter().zip(sizes(plan, learners, &most)?) {
            batches[number].learners = learners;
        }
        Ok(Batches(batches))
    }

    pub fn all(&self) -> &[Batch] {
        &self.0
    }

    /// A batch that nobody joined.
    pub fn empty(&self) -> Option<usize> {
        self.0.iter().position(|batch| batch.learners == 0)
    }

    pub fn write_day(&self, plan: &Plan, people: &People, table: &mut TableWriter) -> Result<(), SampleError> {
        for chunk in self.0.chunks(CHUNK_ROWS) {
            table.write(&rows(plan, people, chunk)?)?;
        }
        Ok(())
    }
}

/// The schema of the `batches` table.
pub(super) fn schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        text("batch_id", false),
        text("course_id", false),
        text("batch_name", true),
        text("tenant_id", true),
        text("created_by", true),
        Field::new_list("mentors", Field::new_list_field(DataType::Utf8, true), true),
        Field::new("start_date", DataType::Date32, true),
        Field::new("end_date", DataType::Date32, true),
    ]))
}

fn inverse(order: &[usize]) -> Vec<usize> {
    let mut positions = vec![0; order.len()];
    for (position, &number) in order.iter().enumerate() {
        positions[number] = position;
    }
    positions
}

fn draw_batch(plan: &Plan, number: usize, rank: usize, draws: &mut Draws) -> Batch {
    let course = draws.skewed((plan.batches / 4).max(1));
    let tenant = draw_tenant(plan, course, draws);
    let team = plan.tenants.home(tenant);
    let (start, end, open) = draw_dates(plan, rank, draws);
    let course_name = COURSES[course % COURSES.len()];
    Batch {
        id: batch_id(number, draws),
        course_id: course_id(plan, course),
        course_name,
        tenant,
        creator: draw_member(plan, &team, draws),
        opens_at: end_of(start) - DAY,
        closes_at: match end {
            Some(end) if !open => end_of(end),
            _ => plan.last_end(),
        } - HOUR,
        open,
        learners: 0,
        name: format!("{course_name}, batch {} ({})", 1 + number, STATES[tenant].name),
        mentors: draw_mentors(plan, &team, draws),
        start,
        end,
    }
}

/// The id of a batch: twenty digits, in the order in which the batches were made.
fn batch_id(number: usize, draws: &mut Draws) -> String {
    const STEP: usize = 5_000_000_000;
    let made = 25_000_000_000_000_000 + STEP * number + draws.below(STEP);
    format!("013{made:017}")
}

/// The id of a course, the same for all of its batches.
fn course_id(plan: &Plan, course: usize) -> String {
    const STEP: usize = 10_000_000_000;
    let mut draws = Draws::new(plan.seed, Stream::Courses, course);
    let made = 212_000_000_000_000_000 + STEP * course + draws.below(STEP);
    format!("do_113{made:018}")
}

/// A course belongs to a tenant; a fifth of its batches are run by others.
fn draw_tenant(plan: &Plan, course: usize, draws: &mut Draws) -> usize {
    let tenants = plan.tenants.count();
    if draws.chance(0.8) {
        course % tenants
    } else {
        draws.below(tenants)
    }
}

/// A user of the tenant who was there on the first day; any user where the tenant has none.
fn draw_member(plan: &Plan, team: &Members, draws: &mut Draws) -> usize {
    match team.count(plan.first_users) {
        0 => draws.below(plan.first_users),
        members => team.nth(draws.below(members)),
    }
}

/// Up to three mentors; an empty list for some batches, no list at all for others.
fn draw_mentors(plan: &Plan, team: &Members, draws: &mut Draws) -> Option<Vec<usize>> {
    if draws.chance(0.15) {
        return None;
    }
    let mut mentors: Vec<usize> = (0..draws.below(4)).map(|_| draw_member(plan, team, draws)).collect();
    mentors.sort_unstable();
    mentors.dedup();
    Some(mentors)
}

/// Start, end (half of the open batches have none), and whether the batch is open on the last day.
/// The largest batches are open; a closed one ended before the first day.
fn draw_dates(plan: &Plan, rank: usize, draws: &mut Draws) -> (NaiveDate, Option<NaiveDate>, bool) {
    let days = plan.dates.len();
    let age = days + 30 + draws.below(500);
    let start = plan.last_date() - Days::new(age as u64);
    let open = draws.chance(0.45) || rank <= plan.batches / 10;
    let end = if !open {
        Some(start + Days::new((30 + draws.below(age - days - 29)) as u64))
    } else if draws.chance(0.5) {
        Some(plan.last_date() + Days::new(1 + draws.below(180) as u64))
    } else {
        None
    };
    (start, end, open)
}

/// Users who can join a batch: nobody joined a closed batch after the first day.
pub(super) fn eligible_users(plan: &Plan, batch: &Batch) -> usize {
    if batch.open { plan.users } else { plan.first_users }
}

fn most_learners(plan: &Plan, batch: &Batch) -> usize {
    let users = eligible_users(plan, batch);
    users - users / 10
}

/// Learners of each batch, largest first: shares fall with rank^0.75, within what each batch can take.
fn sizes(plan: &Plan, learners: usize, most: &[usize]) -> Result<Vec<usize>, SampleError> {
    let empty = (most.len() / 100).max(1).min(most.len() - 1);
    let most = &most[..most.len() - empty];
    if most.iter().sum::<usize>() < learners {
        return Err(SampleError::Options(format!(
            "cannot fit {} enrolments of {} users into {} batches; ask for fewer enrolments or more users and batches",
            plan.enrolments, plan.users, plan.batches
        )));
    }
    let weights: Vec<f64> = (1..=most.len()).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    let largest = share(learners, weights[0] / sum);
    let largest = if plan.enrolments >= LARGE_SAMPLE {
        largest.max(LARGE_BATCH)
    } else {
        largest
    }
    .min(most[0]);
    let mut sizes = vec![largest];
    sizes.extend((1..most.len()).map(|rank| {
        let part = weights[rank] / (sum - weights[0]);
        share(learners - largest, part).min(most[rank])
    }));
    fill(&mut sizes, most, learners);
    sizes.resize(most.len() + empty, 0);
    Ok(sizes)
}

/// `1 / rank^0.75` from square roots, which every machine rounds alike.
fn weight(rank: usize) -> f64 {
    let root = (rank as f64).sqrt();
    1.0 / (root * root.sqrt())
}

fn share(total: usize, part: f64) -> usize {
    (total as f64 * part) as usize
}

/// Hands out what rounding and full batches left over.
fn fill(sizes: &mut [usize], most: &[usize], total: usize) {
    let mut left = total.saturating_sub(sizes.iter().sum());
    while left > 0 {
        let room = sizes.iter().zip(most).filter(|(size, most)| size < most).count().max(1);
        let each = (left / room).max(1);
        for (size, most) in sizes.iter_mut().zip(most) {
            let more = each.min(most - *size).min(left);
            *size += more;
            left -= more;
        }
    }
}

fn rows(plan: &Plan, people: &People, batches: &[Batch]) -> Result<RecordBatch, SampleError> {
    let text = |value: &dyn Fn(&Batch) -> String| -> ArrayRef {
        let mut column = StringBuilder::new();
        batches.iter().for_each(|batch| column.append_value(value(batch)));
        Arc::new(column.finish())
    };
    let dates = |value: &dyn Fn(&Batch) -> Option<NaiveDate>| -> ArrayRef {
        let mut column = Date32Builder::new();
        batches
            .iter()
            .for_each(|batch| column.append_option(value(batch).map(Date32Type::from_naive_date)));
        Arc::new(column.finish())
    };
    let columns = vec![
        text(&|batch| batch.id.clone()),
        text(&|batch| batch.course_id.clone()),
        text(&|batch| batch.name.clone()),
        text(&|batch| plan.tenants.id(batch.tenant).to_string()),
        text(&|batch| people.id_text(batch.creator)),
        mentors(people, batches),
        dates(&|batch| Some(batch.start)),
        dates(&|batch| batch.end),
    ];
    record_batch("batches", schema(), columns)
}

fn mentors(people: &People, batches: &[Batch]) -> ArrayRef {
    let mut column = ListBuilder::new(StringBuilder::new());
    for batch in batches {
        for &mentor in batch.mentors.iter().flatten() {
            column.values().append_value(people.id_text(mentor));
        }
        column.append(batch.mentors.is_some());
    }
    Arc::new(column.finish())
}

#[cfg(test)]
mod tests {
    use super::super::SampleOptions;
    use super::super::tests::options;
    use super::*;

    fn learners(options: &SampleOptions) -> Vec<usize> {
        let plan = Plan::new(options).unwrap();
        let batches = Batches::draw(&plan, options.enrolments).unwrap();
        batches.all().iter().map(|batch| batch.learners).collect()
    }

    #[test]
    fn all_learners_are_shared_out_and_a_batch_stays_empty() {
        let learners = learners(&options());
        assert_eq!(learners.iter().sum::<usize>(), options().enrolments);
        assert!(learners.contains(&0));
        let largest = *learners.iter().max().unwrap();
        assert!(
            largest * learners.len() > 2 * options().enrolments,
            "not skewed: {largest}"
        );
    }

    #[test]
    fn a_large_sample_has_a_very_large_batch() {
        let options = SampleOptions {
            users: 200_000,
            enrolments: LARGE_SAMPLE,
            batches: 50_000,
            ..options()
        };
        assert!(learners(&options).into_iter().max() > Some(100_000));
    }

    #[test]
    fn full_batches_pass_their_share_on() {
        let mut sizes = vec![10, 3, 0, 0];
        fill(&mut sizes, &[10, 10, 10, 10], 30);
        assert_eq!(sizes.iter().sum::<usize>(), 30);
        assert!(sizes.iter().all(|&size| size <= 10));
    }

    #[test]
    fn too_many_enrolments_are_refused() {
        let plan = Plan::new(&SampleOptions {
            users: 10,
            batches: 3,
            ..options()
        })
        .unwrap();
        let error = Batches::draw(&plan, 1000).err().unwrap().to_string();
        assert!(error.contains("fewer enrolments"), "{error}");
    }

    #[test]
    fn dates_are_in_order() {
        let plan = Plan::new(&options()).unwrap();
        for batch in Batches::draw(&plan, 100).unwrap().all() {
            assert!(batch.opens_at < batch.closes_at);
            assert!(batch.end.is_none_or(|end| end > batch.start));
            assert_eq!(batch.open, batch.end.is_none_or(|end| end > plan.last_date()));
        }
    }
}
