//! Local times of many moments in one zone.

use std::cell::Cell;
use std::sync::Arc;

use super::civil::{DAY, SECOND};
use super::endless::Endless;
use super::zone::Zone;

/// Slots of a clock's cache; more days than most columns span.
const CACHED_DAYS: usize = 512;
/// The cached value of a day on which the offset changes, so that it has no single offset.
const CHANGES: i64 = i64::MIN;

/// A zone with a cache of its offsets by day: looking one up in the rules costs far more than everything else.
pub struct Clock {
    zone: Arc<Zone>,
    /// A day and its offset in seconds; slot = day modulo size.
    days: Vec<Cell<(i64, i64)>>,
}

impl Clock {
    /// A clock of a zone, with an empty cache.
    pub fn new(zone: Arc<Zone>) -> Self {
        Self {
            zone,
            days: vec![Cell::new((i64::MIN, CHANGES)); CACHED_DAYS],
        }
    }

    pub fn zone(&self) -> &Arc<Zone> {
        &self.zone
    }

    /// Seconds east of Greenwich at microseconds since 1970.
    pub fn offset_at(&self, utc: i64) -> i64 {
        match self.offset_on(utc.div_euclid(DAY)) {
            CHANGES => self.zone.offset_at(utc),
            offset => offset,
        }
    }

    /// Local time in microseconds, at microseconds since 1970.
    pub fn local(&self, utc: i64) -> i64 {
        if Endless::of_micros(utc).is_some() {
            return utc;
        }
        utc.saturating_add(self.offset_at(utc) * SECOND)
    }

    /// Microseconds since 1970 of a local time.
    pub fn utc(&self, local: i64) -> i64 {
        if Endless::of_micros(local).is_some() {
            return local;
        }
        let day = local.div_euclid(DAY);
        let offset = self.offset_on(day);
        let is_steady = offset != CHANGES && offset == self.offset_on(day - 1) && offset == self.offset_on(day + 1);
        let offset = if is_steady {
            offset
        } else {
            self.zone.offset_of_local(local)
        };
        local.saturating_sub(offset * SECOND)
    }

    /// The offset that holds from the beginning of a day of UTC to its end.
    fn offset_on(&self, day: i64) -> i64 {
        // The remainder is below CACHED_DAYS, so it fits.
        let slot = &self.days[day.rem_euclid(CACHED_DAYS as i64) as usize];
        let (kept, offset) = slot.get();
        if kept == day {
            return offset;
        }
        let start = self.zone.offset_at(day.saturating_mul(DAY));
        let end = self.zone.offset_at((day + 1).saturating_mul(DAY));
        let offset = if start == end { start } else { CHANGES };
        slot.set((day, offset));
        offset
    }
}
