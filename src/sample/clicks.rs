//! The `download_events` table: clicks on "Download File", in the folder of the day they arrived.
//!
//! The first day's folder holds all that came before. Some events arrive late, some twice, some name
//! no batch, and one names a batch that nobody knows.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, StringBuilder, TimestampMillisecondBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::batches::Batches;
use super::draws::{Draws, Stream, uuid_text};
use super::people::People;
use super::plan::{DAY, HOUR, Plan};
use super::write::{CHUNK_ROWS, TableWriter};
use super::{SampleError, record_batch, utc_milliseconds};

const CLICKS_A_BATCH: usize = 3;
const WINDOW: i64 = 30 * DAY;
const MINUTE: i64 = HOUR / 60;
const UNKNOWN_BATCH: &str = "01999999999999999999";

/// All clicks of the sample, ordered by time.
pub(super) struct Clicks(Vec<Click>);

struct Click {
    mid: u128,
    clicked_at: i64,
    user: usize,
    /// The index of the clicked batch.
    batch: usize,
    named: Named,
    /// The index of the day in whose folder the event is; past the last day for an event that has not arrived yet.
    day: usize,
    /// The index of the day on which the event arrives a second time.
    again: Option<usize>,
}

/// How the event names its batch.
#[derive(Clone, Copy)]
enum Named {
    Rightly,
    Wrongly,
    Not,
}

impl Clicks {
    pub fn draw(plan: &Plan, batches: &Batches) -> Clicks {
        let mut draws = Draws::new(plan.seed, Stream::Clicks, 0);
        let count = CLICKS_A_BATCH * plan.batches;
        let mut clicks: Vec<Click> = (0..count)
            .map(|number| draw_click(plan, batches, number, &mut draws))
            .collect();
        clicks.sort_by_key(|click| (click.clicked_at, click.mid));
        Clicks(clicks)
    }

    /// Writes the events that arrive on that day.
    pub fn write_day(
        &self,
        people: &People,
        batches: &Batches,
        plan: &Plan,
        day: usize,
        table: &mut TableWriter,
    ) -> Result<(), SampleError> {
        let arrived = |click: &&Click| click.day == day || click.again == Some(day);
        let arrived: Vec<&Click> = self.0.iter().filter(arrived).collect();
        for chunk in arrived.chunks(CHUNK_ROWS) {
            let mut columns = Columns::new();
            chunk
                .iter()
                .for_each(|click| columns.push(click, people, batches, plan));
            table.write(&columns.finish()?)?;
        }
        Ok(())
    }
}

/// The first few of every 500 clicks are unusual, so that a small sample has each kind.
fn draw_click(plan: &Plan, batches: &Batches, number: usize, draws: &mut Draws) -> Click {
    let oddity = number % 500;
    let batch = draws.skewed(batches.all().len());
    let staff = batches.all()[batch].staff();
    let clicked_at = plan.last_end() - draw_age(oddity, draws);
    let delay = draw_delay(oddity, draws);
    let day = arrival_day(plan, clicked_at + delay);
    Click {
        mid: draws.bits(),
        clicked_at,
        user: staff[draws.skewed(staff.len())],
        batch,
        named: match (oddity, number) {
            (3, _) => Named::Not,
            (_, 4) => Named::Wrongly,
            _ => Named::Rightly,
        },
        day,
        again: (oddity == 5).then_some(day + 1),
    }
}

/// How long before the end of the sample the click was: recent clicks are more frequent.
fn draw_age(oddity: usize, draws: &mut Draws) -> i64 {
    match oddity {
        1 => draws.between(HOUR, DAY),
        2 => DAY * 5 / 2,
        5 => DAY + 6 * HOUR,
        _ => {
            let x = draws.unit();
            1 + (WINDOW as f64 * x * x.sqrt()) as i64
        }
    }
}

/// Most events arrive within two minutes, a few after days.
fn draw_delay(oddity: usize, draws: &mut Draws) -> i64 {
    let late = draws.chance(0.01);
    match oddity {
        1 | 5 => MINUTE,
        2 => 2 * DAY,
        _ if late => draws.between(DAY, 3 * DAY),
        _ => draws.between(1, 2 * MINUTE),
    }
}

fn arrival_day(plan: &Plan, arrived_at: i64) -> usize {
    let after_first_day = arrived_at - plan.day_end(0);
    if after_first_day < 0 {
        0
    } else {
        1 + (after_first_day / DAY) as usize
    }
}

/// The schema of the `download_events` table.
pub(super) fn schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, name != "mid");
    Arc::new(Schema::new(vec![
        text("mid"),
        Field::new("event_time", utc_milliseconds(), true),
        text("user_id"),
        text("course_id"),
        text("batch_id"),
        text("tenant_id"),
        text("source"),
    ]))
}

struct Columns {
    mid: StringBuilder,
    event_time: TimestampMillisecondBuilder,
    user: StringBuilder,
    course: StringBuilder,
    batch: StringBuilder,
    tenant: StringBuilder,
    source: StringBuilder,
}

impl Columns {
    fn new() -> Columns {
        Columns {
            mid: StringBuilder::new(),
            event_time: TimestampMillisecondBuilder::new().with_data_type(utc_milliseconds()),
            user: StringBuilder::new(),
            course: StringBuilder::new(),
            batch: StringBuilder::new(),
            tenant: StringBuilder::new(),
            source: StringBuilder::new(),
        }
    }

    fn push(&mut self, click: &Click, people: &People, batches: &Batches, plan: &Plan) {
        let batch = &batches.all()[click.batch];
        self.mid.append_value(format!("INTERACT:{:032x}", click.mid));
        self.event_time.append_value(click.clicked_at);
        self.user.append_value(uuid_text(people.id(click.user)));
        self.course.append_value(&batch.course_id);
        self.batch.append_option(match click.named {
            Named::Rightly => Some(batch.id.as_str()),
            Named::Wrongly => Some(UNKNOWN_BATCH),
            Named::Not => None,
        });
        self.tenant.append_value(plan.tenants.id(batch.tenant));
        self.source.append_value("sample");
    }

    fn finish(mut self) -> Result<RecordBatch, SampleError> {
        let columns = vec![
            Arc::new(self.mid.finish()) as _,
            Arc::new(self.event_time.finish()) as _,
            Arc::new(self.user.finish()) as _,
            Arc::new(self.course.finish()) as _,
            Arc::new(self.batch.finish()) as _,
            Arc::new(self.tenant.finish()) as _,
            Arc::new(self.source.finish()) as _,
        ];
        record_batch("download_events", schema(), columns)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::SampleOptions;
    use super::super::tests::options;
    use super::*;

    fn clicks(days: usize) -> (Plan, Clicks) {
        let plan = Plan::new(&SampleOptions { days, ..options() }).unwrap();
        let batches = Batches::draw(&plan, 1000).unwrap();
        let clicks = Clicks::draw(&plan, &batches);
        (plan, clicks)
    }

    #[test]
    fn message_ids_are_unique_and_times_within_the_window() {
        let (plan, Clicks(clicks)) = clicks(2);
        let mids: BTreeSet<u128> = clicks.iter().map(|click| click.mid).collect();
        assert_eq!(mids.len(), 3 * plan.batches);
        let window = plan.last_end() - WINDOW - 1..plan.last_end();
        assert!(clicks.iter().all(|click| window.contains(&click.clicked_at)));
    }

    #[test]
    fn every_oddity_is_there() {
        let (plan, Clicks(clicks)) = clicks(2);
        let some = |wanted: &dyn Fn(&Click) -> bool| clicks.iter().any(wanted);
        assert!(some(&|click| matches!(click.named, Named::Not)));
        assert!(some(&|click| matches!(click.named, Named::Wrongly)));
        assert!(some(&|click| click.day == 0 && click.again == Some(plan.last_day())));
        assert!(some(&|click| click.day == 1 && click.clicked_at < plan.day_end(0) - DAY));
    }

    #[test]
    fn a_single_day_has_no_event_twice() {
        let (_, Clicks(clicks)) = clicks(1);
        assert!(clicks.iter().all(|click| click.again != Some(0)));
    }
}
