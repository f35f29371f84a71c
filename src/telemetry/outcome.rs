//! What came of reading a file of telemetry.

use super::event::Malformed;

/// Counts of one file that was read to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Lines, or rows, that are events.
    pub events: u64,
    /// Lines, or rows, that are not; damage counts as one.
    pub malformed: u64,
    /// Where reading ended before the file did.
    pub damage: Option<Malformed>,
}

impl Outcome {
    /// Says in the log what of the file `name` is not counted.
    pub fn tell(&self, name: &str) {
        let Self { events, malformed, .. } = self;
        match &self.damage {
            Some(damage) => tracing::error!(
                "telemetry {name} cannot be read to its end: {damage}; {events} events before it count; fetch the file again"
            ),
            None if *malformed > 0 => tracing::warn!(
                "telemetry {name}: {malformed} of its lines are no events and do not count; `pragati check` names some"
            ),
            None => {}
        }
    }
}
