//! The digits of numbers: rounded, in powers of ten, and Roman.

/// Digits that a double holds.
const DIGITS_OF_DOUBLE: usize = 15;

/// A number to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Number {
    /// Digits with a sign and a point where there are some: exact.
    Exact(String),
    Double(f64),
}

/// A number with `post` digits behind its point, rounded half away from zero where it is exact; `post` gets smaller where
/// a double does not hold them.
pub fn rounded(number: &Number, shift: usize, post: &mut usize) -> String {
    match number {
        Number::Double(value) => {
            let value = value * 10f64.powi(i32::try_from(shift).unwrap_or(i32::MAX));
            let whole = format!("{:.0}", value.abs()).len();
            if whole >= DIGITS_OF_DOUBLE {
                *post = 0;
            } else if whole + *post > DIGITS_OF_DOUBLE {
                *post = DIGITS_OF_DOUBLE - whole;
            }
            let post = *post;
            format!("{value:.post$}")
        }
        Number::Exact(digits) => round_exact(&moved(digits, shift), *post),
    }
}

/// The digits with the point moved to the right.
fn moved(digits: &str, places: usize) -> String {
    if places == 0 {
        return digits.to_owned();
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = format!("{fraction:0<places$}");
    let (more, rest) = fraction.split_at(places);
    let whole = format!("{whole}{more}");
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    match rest {
        "" => format!("{sign}{whole}"),
        rest => format!("{sign}{whole}.{rest}"),
    }
}

fn round_exact(digits: &str, post: usize) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let kept = format!("{fraction:0<post$}");
    let (kept, rest) = kept.split_at(post);
    let mut all: Vec<u8> = format!("{whole}{kept}").into_bytes();
    if rest.as_bytes().first().is_some_and(|digit| *digit >= b'5') {
        let mut place = all.len();
        loop {
            if place == 0 {
                all.insert(0, b'1');
                break;
            }
            place -= 1;
            if all[place] == b'9' {
                all[place] = b'0';
            } else {
                all[place] += 1;
                break;
            }
        }
    }
    let all: String = all.into_iter().map(char::from).collect();
    let is_zero = all.bytes().all(|digit| digit == b'0');
    let (whole, fraction) = all.split_at(all.len() - post);
    let sign = if is_zero { "" } else { sign };
    match post {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    }
}

/// `1.23e+02`.
pub fn scientific(number: &Number, post: usize) -> String {
    let text = match number {
        Number::Double(value) => format!("{value:.post$e}"),
        Number::Exact(digits) => exact_scientific(digits, post),
    };
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

fn exact_scientific(digits: &str, post: usize) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let first = all.find(|digit| digit != '0');
    let Some(first) = first else {
        return match post {
            0 => "0e0".to_owned(),
            _ => format!("0.{}e0", "0".repeat(post)),
        };
    };
    let exponent = |first: usize| i64::try_from(whole.len()).unwrap_or(0) - i64::try_from(first).unwrap_or(0) - 1;
    let normal = format!("{}.{}", &all[first..=first], &all[first + 1..]);
    // Digits that are rounded up to ten stay so, as in PostgreSQL: 997.5 is 10.0e+02.
    let rounded = round_exact(&normal, post);
    format!("{sign}{rounded}e{}", exponent(first))
}

/// A Roman number, or `#` for what is none.
pub fn roman(number: &Number) -> String {
    const ROMAN: [(u32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut post = 0;
    let rounded = rounded(number, 0, &mut post);
    let Some(mut value) = rounded.parse::<u32>().ok().filter(|value| (1..4000).contains(value)) else {
        return "#".repeat(15);
    };
    let mut text = String::new();
    for (worth, letters) in ROMAN {
        while value >= worth {
            text.push_str(letters);
            value -= worth;
        }
    }
    text
}
