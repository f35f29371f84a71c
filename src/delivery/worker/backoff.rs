//! Exponential back-off with jitter.

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;

/// The wait after the first try.
const FIRST: TimeDelta = TimeDelta::seconds(5);
/// The longest wait.
const LONGEST: TimeDelta = TimeDelta::minutes(3);

/// The time of the try after try number `attempts`.
pub fn next_try(now: DateTime<Utc>, attempts: u32) -> DateTime<Utc> {
    // Half of the wait is fixed, half is drawn, so that requests which failed together do not come back together.
    let wait = doubled(attempts);
    let drawn = rand::rng().random_range(0.5..1.0);
    let milliseconds = (wait.num_milliseconds() as f64 * drawn) as i64;
    now + TimeDelta::milliseconds(milliseconds)
}

fn doubled(attempts: u32) -> TimeDelta {
    let times = 1_i32
        .checked_shl(attempts.saturating_sub(1).min(10))
        .unwrap_or(i32::MAX);
    (FIRST * times).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound() {
        let now = Utc::now();
        for (attempts, longest) in [(0, 5), (1, 5), (2, 10), (3, 20), (6, 160), (7, 180), (1_000, 180)] {
            for _ in 0..20 {
                let wait = next_try(now, attempts) - now;
                let longest = TimeDelta::seconds(longest);
                assert!(
                    wait <= longest && wait >= longest / 2 - TimeDelta::milliseconds(1),
                    "{attempts}: {wait}"
                );
            }
        }
    }
}
