//! Weeks and months out of rows by day.
//!
//! Downloads, requests and deliveries of a period are the sums of its days. The batches that were downloaded are not: a batch
//! of two days would count twice. They, and the coverage, are known where at most one day of the period has any, and NULL
//! elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use datafusion::arrow::array::{Array, ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::error::ArrowError;
use serde::Deserialize;
use utoipa::ToSchema;

use super::columns::ratio_columns;
use super::table::RowTable;

/// What rows over time are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Day,
    /// From Monday to Sunday.
    Week,
    Month,
}

impl Period {
    /// The value of the column `time_window`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The first and the last day of the period that `day` lies in.
    fn around(self, day: NaiveDate) -> (NaiveDate, NaiveDate) {
        match self {
            Self::Day => (day, day),
            Self::Week => {
                let week = day.week(chrono::Weekday::Mon);
                (week.first_day(), week.last_day())
            }
            Self::Month => {
                let first = day.with_day(1).unwrap_or(day);
                let next = first.checked_add_months(chrono::Months::new(1));
                (first, next.and_then(|next| next.pred_opt()).unwrap_or(day))
            }
        }
    }
}

/// The days that rows are asked for, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    pub first: Option<NaiveDate>,
    pub last: Option<NaiveDate>,
}

impl Days {
    /// The rows by day that lie in these.
    pub fn of(self, by_day: &RowTable) -> Result<RowTable, ArrowError> {
        let number = |day: NaiveDate| day.to_epoch_days();
        by_day.between("window_end", self.first.map(number), self.last.map(number))
    }
}

/// Whose rows one group is of, and in which period: level, course, tenant, first day.
type Key = (u8, Option<String>, Option<String>, NaiveDate);

/// The sums of one group.
#[derive(Debug, Default)]
struct Sums {
    level: String,
    last: NaiveDate,
    days: usize,
    /// Days with a batch that was downloaded.
    days_with_downloads: usize,
    downloads: i64,
    batches_downloaded: Option<i64>,
    requests: Option<i64>,
    delivered: Option<i64>,
    /// Of the row that is newest: batches come and go with snapshots.
    batches: Option<i64>,
    as_of: i32,
    newest: i32,
}

/// The rows of each period, from rows by day that lie within `days`; by level, ids and period. A period at either end is as
/// long as the days that were asked for.
pub fn by_period(by_day: &RowTable, period: Period, days: Days, as_of: NaiveDate) -> Result<RowTable, ArrowError> {
    let by_day = days.of(by_day)?;
    if period == Period::Day {
        return Ok(by_day);
    }
    let last_day = days.last.map_or(as_of, |last| last.min(as_of));
    let first_day = days.first.or_else(|| first_of(&by_day));
    let mut groups: BTreeMap<Key, Sums> = BTreeMap::new();
    let (levels, courses, tenants) = (
        by_day.texts("level")?,
        by_day.texts("course_id")?,
        by_day.texts("tenant_id")?,
    );
    let numbers = |column| by_day.numbers(column);
    let (downloads, batches) = (numbers("downloads")?, numbers("batches")?);
    let (requests, delivered) = (numbers("requests")?, numbers("delivered")?);
    let batches_downloaded = numbers("batches_downloaded")?;
    let (ends, made) = (by_day.days("window_end")?, by_day.days("as_of")?);
    for row in 0..by_day.len() {
        let Some(end) = ends[row].and_then(NaiveDate::from_epoch_days) else {
            continue;
        };
        let (first, last) = period.around(end);
        let first = first_day.map_or(first, |day| first.max(day));
        let text = |texts: &StringArray| texts.is_valid(row).then(|| texts.value(row).to_owned());
        let level = levels.value(row);
        let group = groups
            .entry((rank(level), text(courses), text(tenants), first))
            .or_default();
        if group.days == 0 {
            level.clone_into(&mut group.level);
            group.last = last.min(last_day);
            group.requests = Some(0);
            group.delivered = Some(0);
            group.batches_downloaded = Some(0);
            group.newest = i32::MIN;
        }
        group.days += 1;
        group.downloads += downloads[row].unwrap_or(0);
        group.requests = group.requests.zip(requests[row]).map(|(sum, more)| sum + more);
        group.delivered = group.delivered.zip(delivered[row]).map(|(sum, more)| sum + more);
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

/// The first day of any row.
fn first_of(by_day: &RowTable) -> Option<NaiveDate> {
    let days = by_day.days("window_start").ok()?;
    days.into_iter().flatten().min().and_then(NaiveDate::from_epoch_days)
}

/// The place of a level among its rows.
fn rank(level: &str) -> u8 {
    match level {
        "all" => 0,
        "tenant" => 1,
        "course" => 2,
        _ => 3,
    }
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
            texts(&|key, _| key.1.clone()),
            texts(&|key, _| key.2.clone()),
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
            // A revision is one of a row that a nightly run keeps.
            numbers(&|_| None),
        ],
    )
}
