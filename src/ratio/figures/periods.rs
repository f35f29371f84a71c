//! Aggregates rows by day to weeks and months.
//!
//! Downloads, requests, deliveries and sendings of a period are the sums over its days. Downloaded batches cannot be
//! summed, because a batch may be downloaded on several days: they, and the coverage, are NULL where more than one day
//! of the period has any.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Datelike, Months, NaiveDate, Weekday};
use datafusion::arrow::array::{Array, ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::error::ArrowError;

use super::columns::ratio_columns;
use super::table::RowTable;
use crate::ratio::{Days, Level, Period, SENT_BY_SUBSCRIPTION};

/// The first and the last day of the period that `day` lies in.
fn around(period: Period, day: NaiveDate) -> (NaiveDate, NaiveDate) {
    match period {
        Period::Day => (day, day),
        Period::Week => {
            let week = day.week(Weekday::Mon);
            (week.first_day(), week.last_day())
        }
        Period::Month => {
            let first = day.with_day(1).unwrap_or(day);
            let next = first.checked_add_months(Months::new(1));
            (first, next.and_then(|next| next.pred_opt()).unwrap_or(day))
        }
    }
}

/// An id; the first field sorts missing ids last.
type Id = (bool, Option<String>);
/// The key of a group: level, course, tenant, first day of the period.
type Key = (usize, Id, Id, NaiveDate);

/// The sums of one group.
#[derive(Debug, Default)]
struct Sums {
    level: String,
    last: NaiveDate,
    days: usize,
    /// The number of days with downloaded batches.
    days_with_downloads: usize,
    downloads: i64,
    batches_downloaded: Option<i64>,
    requests: Option<i64>,
    delivered: Option<i64>,
    sent_by_subscription: Option<i64>,
    /// The number of batches in the newest row, because batches change from snapshot to snapshot.
    batches: Option<i64>,
    as_of: i32,
    newest: i32,
}

/// Aggregates the rows by day within `days` to periods, ordered by level, ids and period. `days` may cut off the first
/// and the last period.
///
/// # Errors
/// The rows have not the columns of the ratio by day.
pub fn by_period(by_day: &RowTable, period: Period, days: &Days) -> Result<RowTable, ArrowError> {
    let number = |day: NaiveDate| day.to_epoch_days();
    let by_day = by_day.between("window_end", days.since().map(number), Some(number(days.until())))?;
    if period == Period::Day {
        return Ok(by_day);
    }
    let mut groups: BTreeMap<Key, Sums> = BTreeMap::new();
    let (levels, courses, tenants) = (
        by_day.texts("level")?,
        by_day.texts("course_id")?,
        by_day.texts("tenant_id")?,
    );
    let numbers = |column| by_day.numbers(column);
    let (downloads, batches) = (numbers("downloads")?, numbers("batches")?);
    let (requests, delivered) = (numbers("requests")?, numbers("delivered")?);
    let sent = numbers(SENT_BY_SUBSCRIPTION)?;
    let batches_downloaded = numbers("batches_downloaded")?;
    let (ends, made) = (by_day.days("window_end")?, by_day.days("as_of")?);
    for row in 0..by_day.len() {
        let Some(end) = ends[row].and_then(NaiveDate::from_epoch_days) else {
            continue;
        };
        let (first, last) = around(period, end);
        let first = days.since().map_or(first, |day| first.max(day));
        let text = |texts: &StringArray| {
            (
                texts.is_null(row),
                texts.is_valid(row).then(|| texts.value(row).to_owned()),
            )
        };
        let level = levels.value(row);
        let group = groups
            .entry((rank(level), text(courses), text(tenants), first))
            .or_default();
        if group.days == 0 {
            level.clone_into(&mut group.level);
            group.last = last.min(days.until());
            group.requests = Some(0);
            group.delivered = Some(0);
            group.sent_by_subscription = Some(0);
            group.batches_downloaded = Some(0);
            group.newest = i32::MIN;
        }
        group.days += 1;
        group.downloads += downloads[row].unwrap_or(0);
        group.requests = added(group.requests, requests[row]);
        group.delivered = added(group.delivered, delivered[row]);
        group.sent_by_subscription = added(group.sent_by_subscription, sent[row]);
        let newest = (made[row].unwrap_or(i32::MIN), ends[row].unwrap_or(i32::MIN));
        if newest >= (group.as_of, group.newest) || group.days == 1 {
            (group.as_of, group.newest) = newest;
            group.batches = batches[row];
        }
        if let Some(more) = batches_downloaded[row].filter(|&more| more > 0) {
            group.batches_downloaded = (group.days_with_downloads == 0).then_some(more);
            group.days_with_downloads += 1;
        }
    }
    Ok(RowTable::new(rows_of(&groups, period)?))
}

/// A sum with one more day; unknown where one of its days is.
fn added(sum: Option<i64>, more: Option<i64>) -> Option<i64> {
    Some(sum? + more?)
}

/// The position of a level in the order of rows.
fn rank(level: &str) -> usize {
    let place = Level::ALL.iter().position(|known| known.name() == level);
    place.unwrap_or(Level::ALL.len())
}

fn rows_of(groups: &BTreeMap<Key, Sums>, period: Period) -> Result<RecordBatch, ArrowError> {
    let texts = |text: &dyn Fn(&Key, &Sums) -> Option<String>| -> ArrayRef {
        Arc::new(
            groups
                .iter()
                .map(|(key, sums)| text(key, sums))
                .collect::<StringArray>(),
        )
    };
    let numbers = |number: &dyn Fn(&Sums) -> Option<i64>| -> ArrayRef {
        Arc::new(groups.values().map(number).collect::<Int64Array>())
    };
    let shares = |number: &dyn Fn(&Sums) -> Option<i64>| -> ArrayRef {
        let share = |sums: &Sums| {
            let (part, whole) = number(sums).zip(sums.batches.filter(|&batches| batches > 0))?;
            Some(part as f64 / whole as f64)
        };
        Arc::new(groups.values().map(share).collect::<Float64Array>())
    };
    let days = |day: &dyn Fn(&Key, &Sums) -> i32| -> ArrayRef {
        Arc::new(
            groups
                .iter()
                .map(|(key, sums)| Some(day(key, sums)))
                .collect::<Date32Array>(),
        )
    };
    RecordBatch::try_new(
        ratio_columns(),
        vec![
            texts(&|_, sums| Some(sums.level.clone())),
            texts(&|key, _| key.1.1.clone()),
            texts(&|key, _| key.2.1.clone()),
            texts(&|_, _| Some(period.name().to_owned())),
            numbers(&|sums| Some(sums.downloads)),
            numbers(&|sums| sums.batches),
            shares(&|sums| Some(sums.downloads)),
            numbers(&|sums| sums.batches_downloaded),
            shares(&|sums| sums.batches_downloaded),
            numbers(&|sums| sums.requests),
            numbers(&|sums| sums.delivered),
            days(&|key, _| key.3.to_epoch_days()),
            days(&|_, sums| sums.last.to_epoch_days()),
            days(&|_, sums| sums.as_of),
            // Only rows of a nightly output have revisions.
            numbers(&|_| None),
            numbers(&|sums| sums.sent_by_subscription),
        ],
    )
}
