//! The counts of a telemetry file that was read.

use super::event::Malformed;

/// Counts of one file that was read to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Lines, or rows, that are events.
    pub events: u64,
    /// Malformed lines or rows; damage counts as one.
    pub malformed: u64,
    /// The reason why reading stopped before the end of the file.
    pub damage: Option<Malformed>,
}

impl Outcome {
    /// Logs what of the file `name` is not counted.
    pub fn tell(&self, name: &str) {
        let Self { events, malformed, .. } = self;
        match &self.damage {
            Some(damage) => tracing::error!(
                "{name} cannot be read to its end: {damage}; {events} events before it count; fetch the file again"
            ),
            None if *malformed > 0 => tracing::warn!(
                "{name}: {malformed} lines are no telemetry events and do not count; `pragati check` names some"
            ),
            None => {}
        }
    }
}
