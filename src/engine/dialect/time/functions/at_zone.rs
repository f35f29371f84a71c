//! `timezone(zone, time)`, which `time AT TIME ZONE zone` is written as: a moment becomes local time, local time a moment.

use std::rc::Rc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};

use super::super::civil::SECOND;
use super::super::clock::Clock;
use super::super::function::{Call, Definition, function};
use super::super::read::moment_of;
use super::super::values::{Kind, Value, kind_of, local_type, moment_type};
use super::super::zone::Zone;
use super::casts::moment;

pub static FUNCTIONS: [Definition; 1] = [function("timezone", (2, 2), returns, rows)];

fn returns(kinds: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match kind_of(&kinds[1]) {
        Kind::Local => Ok(moment_type()),
        Kind::Moment | Kind::Date | Kind::Text | Kind::Null => Ok(local_type()),
        _ => plan_err!("AT TIME ZONE takes a timestamp, not {}", kinds[1]),
    }
}

fn rows(call: &Call) -> Result<ArrayRef> {
    let zones = Zones::default();
    let now = call.now();
    call.points(|values| match values {
        [zone, Value::Local(local)] => zones.with(call, zone, |clock| clock.utc(*local)),
        [zone, Value::Text(text)] => {
            let utc = moment_of(text, &now)?;
            zones.with(call, zone, |clock| clock.local(utc))
        }
        [zone, time] => {
            let utc = moment(call, &[*time])?;
            zones.with(call, zone, |clock| clock.local(utc))
        }
        values => call.refused(values),
    })
}

/// The clock of the previous row's zone, since most rows name the same one.
#[derive(Default)]
pub struct Zones(std::cell::RefCell<Option<(String, Rc<Clock>)>>);

impl Zones {
    /// Applies `work` to the clock of a zone.
    ///
    /// # Errors
    /// Where there is no such zone.
    pub fn with<T>(&self, call: &Call, zone: &Value, work: impl FnOnce(&Clock) -> T) -> Result<T> {
        let zone = match zone {
            Value::Text(name) => *name,
            Value::Interval(interval) if interval.months == 0 && interval.days == 0 => {
                return Ok(work(&Clock::new(Zone::east(interval.micros / SECOND)?)));
            }
            other => return call.refused(&[*other]),
        };
        let known = self
            .0
            .borrow()
            .as_ref()
            .filter(|(name, _)| name == zone)
            .map(|(_, clock)| Rc::clone(clock));
        let clock = match known {
            Some(clock) => clock,
            None => {
                let clock = Rc::new(Clock::new(Zone::of_text(zone)?));
                *self.0.borrow_mut() = Some((zone.to_owned(), Rc::clone(&clock)));
                clock
            }
        };
        Ok(work(&clock))
    }
}
