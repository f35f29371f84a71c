//! Floating point numbers as PostgreSQL writes and reads them.

/// From this power of ten on, a `double precision` is written with an exponent.
const LARGE: i32 = 15;
/// The same for a `real`.
const LARGE_REAL: i32 = 6;
/// Below this power of ten, both are written with an exponent.
const SMALL: i32 = -4;

/// A `double precision` as text: the fewest digits that give it back.
pub fn written(value: f64) -> String {
    special(value).map_or_else(|| arranged(&format!("{value:e}"), LARGE), str::to_owned)
}

/// A `real` as text.
pub fn written_real(value: f32) -> String {
    special(f64::from(value)).map_or_else(|| arranged(&format!("{value:e}"), LARGE_REAL), str::to_owned)
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        None
    }
}

/// `1.5e3` as PostgreSQL writes it.
fn arranged(text: &str, large: i32) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent >= large || exponent < SMALL {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs());
    }
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits = mantissa.replace('.', "");
    match usize::try_from(exponent) {
        Err(_) => {
            let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
            format!("{sign}0.{zeros}{digits}")
        }
        Ok(places) if digits.len() <= places + 1 => format!("{sign}{digits:0<width$}", width = places + 1),
        Ok(places) => {
            let (whole, decimals) = digits.split_at(places + 1);
            format!("{sign}{whole}.{decimals}")
        }
    }
}

/// The number that a text writes.
pub fn read(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_plain = text
        .bytes()
        .all(|letter| letter.is_ascii_digit() || b"+-.eE".contains(&letter));
    let unsigned = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    match is_plain || ["nan", "inf", "infinity"].contains(&unsigned.as_str()) {
        true => text.parse().ok(),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_postgresql_writes_them() {
        for (value, expected) in [
            (100.0, "100"),
            (2.5, "2.5"),
            (1e15, "1e+15"),
            (123_456_789_012_345.0, "123456789012345"),
            (0.0001, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e20, "1e+20"),
            (1e100, "1e+100"),
            (-0.25, "-0.25"),
            (0.0, "0"),
            (-0.0, "-0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(written(value), expected);
        }
        for (value, expected) in [
            (0.1, "0.1"),
            (1e6, "1e+06"),
            (123_456.0, "123456"),
            (16_777_216.0, "1.6777216e+07"),
        ] {
            assert_eq!(written_real(value), expected);
        }
    }

    #[test]
    fn texts_are_read_as_postgresql_reads_them() {
        assert_eq!(read(" 1.5e3 "), Some(1500.0));
        assert_eq!(read("-Infinity"), Some(f64::NEG_INFINITY));
        assert!(read("nan").is_some_and(f64::is_nan));
        for text in ["", "x", "1,5", "1 2", "0x10", "infinit"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
