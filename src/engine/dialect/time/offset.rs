//! Offsets from Greenwich in texts.

/// The name of a fixed-offset zone, in seconds east of Greenwich, as PostgreSQL shows it: `<+05:30>-05:30`.
pub fn east_name(seconds: i64) -> String {
    format!("<{}>{}", offset_text(seconds), offset_text(-seconds))
}

/// An offset in hours, with minutes and seconds where it has some: `+05:30`.
pub fn offset_text(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.abs();
    let mut text = format!("{sign}{:02}", seconds / 3600);
    if seconds % 3600 != 0 {
        text.push_str(&format!(":{:02}", seconds / 60 % 60));
    }
    if seconds % 60 != 0 {
        text.push_str(&format!(":{:02}", seconds % 60));
    }
    text
}

/// The seconds of `+05:30`, `-8`, `0530`, `5:30:15`.
pub fn seconds_of(text: &str) -> Option<i64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("-", digits) => (-1, digits),
        ("+", digits) => (1, digits),
        _ => (1, text),
    };
    let mut parts: Vec<&str> = digits.split(':').collect();
    if parts.len() == 1 && digits.is_ascii() && (digits.len() == 4 || digits.len() == 6) {
        let (hours, rest) = digits.split_at(2);
        let (minutes, seconds) = rest.split_at(2);
        parts = vec![hours, minutes, seconds];
        parts.retain(|part| !part.is_empty());
    }
    if parts.is_empty() || parts.len() > 3 {
        return None;
    }
    let mut seconds = 0;
    for (place, part) in parts.iter().enumerate() {
        let is_number = (1..=2).contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_digit());
        let number: i64 = is_number.then(|| part.parse().ok()).flatten()?;
        if place > 0 && number >= 60 {
            return None;
        }
        seconds += number * [3600, 60, 1][place];
    }
    (seconds < 168 * 3600).then_some(sign * seconds)
}
