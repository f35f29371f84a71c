//! Dates, times and moments as PostgreSQL writes them, in its ISO style.

use super::civil::{Civil, DAY, HOUR, MINUTE, SECOND};
use super::clock::Clock;
use super::endless::Endless;
use super::interval::fraction;
use super::offset::offset_text;

/// `2026-11-29`.
pub fn date_text(days: i64) -> String {
    if let Some(endless) = Endless::of_days(days) {
        return endless.text().to_owned();
    }
    let civil = Civil::of_micros(days.saturating_mul(DAY));
    format!("{}{}", date_part(civil), era(civil))
}

/// `2026-11-29 10:00:00.5`.
pub fn timestamp_text(local: i64) -> String {
    if let Some(endless) = Endless::of_micros(local) {
        return endless.text().to_owned();
    }
    let civil = Civil::of_micros(local);
    format!("{} {}{}", date_part(civil), time_text(civil.time), era(civil))
}

/// `2026-11-29 10:00:00.5+05:30`.
pub fn moment_text(utc: i64, clock: &Clock) -> String {
    if let Some(endless) = Endless::of_micros(utc) {
        return endless.text().to_owned();
    }
    let offset = clock.offset_at(utc);
    let civil = Civil::of_micros(utc.saturating_add(offset * SECOND));
    format!(
        "{} {}{}{}",
        date_part(civil),
        time_text(civil.time),
        offset_text(offset),
        era(civil)
    )
}

/// `10:00:00.5`.
pub fn time_text(time: i64) -> String {
    let (hours, minutes, seconds) = (time / HOUR, time / MINUTE % 60, time / SECOND % 60);
    let fraction = fraction((time % SECOND).unsigned_abs());
    format!("{hours:02}:{minutes:02}:{seconds:02}{fraction}")
}

fn date_part(civil: Civil) -> String {
    let year = if civil.year > 0 { civil.year } else { 1 - civil.year };
    format!("{year:04}-{:02}-{:02}", civil.month, civil.day)
}

fn era(civil: Civil) -> &'static str {
    if civil.year > 0 { "" } else { " BC" }
}

#[cfg(test)]
mod tests {
    use super::super::zone::Zone;
    use super::*;

    #[test]
    fn they_are_written_as_postgresql_writes_them() {
        let clock = Clock::new(Zone::named("Asia/Kolkata").expect("a zone"));
        assert_eq!(
            moment_text(1_795_896_001_250_000, &clock),
            "2026-11-29 01:30:01.25+05:30"
        );
        // Madras time, before railways.
        assert_eq!(
            moment_text(-5_000_000_000 * SECOND, &clock),
            "1811-07-23 21:00:08+05:53:28"
        );
        assert_eq!(timestamp_text(0), "1970-01-01 00:00:00");
        assert_eq!(date_text(-719_163), "0001-12-31 BC");
        assert_eq!(time_text(86_399_999_999), "23:59:59.999999");
        assert_eq!(date_text(i64::from(i32::MIN)), "-infinity");
        assert_eq!(timestamp_text(i64::MAX), "infinity");
        assert_eq!(moment_text(i64::MIN, &clock), "-infinity");
    }
}
