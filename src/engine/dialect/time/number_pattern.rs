//! `to_char` of numbers: PostgreSQL's patterns of digits (`FM9,999,990.00`), which say where signs, blanks and zeros stand.
//!
//! The rules are those of PostgreSQL's `formatting.c`, for a locale whose decimal sign is a point.

use datafusion::common::{DataFusionError, Result};

use super::pattern_write::ordinal_of;

/// Digits that a double holds.
const DIGITS_OF_DOUBLE: usize = 15;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Nine,
    Zero,
    Point,
    Comma,
    Group,
    Currency,
    Minus,
    Plus,
    PlusMinus,
    Sign,
    Angle,
    Roman { is_lower: bool },
    Ordinal { is_lower: bool },
    Shift,
    Exponent,
    Blank,
    Bare,
    Nothing,
    Text(char),
}

const PARTS: [(&str, Part); 23] = [
    (",", Part::Comma),
    (".", Part::Point),
    ("0", Part::Zero),
    ("9", Part::Nine),
    ("B", Part::Blank),
    ("C", Part::Nothing),
    ("D", Part::Point),
    ("EEEE", Part::Exponent),
    ("FM", Part::Bare),
    ("G", Part::Group),
    ("L", Part::Currency),
    ("MI", Part::Minus),
    ("PL", Part::Plus),
    ("PR", Part::Angle),
    ("RN", Part::Roman { is_lower: false }),
    ("rn", Part::Roman { is_lower: true }),
    ("SG", Part::PlusMinus),
    ("SP", Part::Nothing),
    ("S", Part::Sign),
    ("TH", Part::Ordinal { is_lower: false }),
    ("th", Part::Ordinal { is_lower: true }),
    ("V", Part::Shift),
    ("FX", Part::Nothing),
];

/// Where the sign of S stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignPlace {
    None,
    Before,
    After,
}

/// What a pattern says as a whole.
#[derive(Debug, Clone)]
pub struct NumberPattern {
    parts: Vec<Part>,
    /// Digits before the point.
    pre: usize,
    /// Digits behind it.
    post: usize,
    /// Places that the number is moved to the left.
    shift: usize,
    sign: SignPlace,
    /// Digits before the S.
    before_sign: usize,
    /// The first zero, counted from 1, and the last one.
    zero_start: usize,
    zero_end: usize,
    is_zero: bool,
    is_blank: bool,
    is_bare: bool,
    has_point: bool,
    has_minus: bool,
    has_plus: bool,
    has_angles: bool,
    is_roman: bool,
    is_scientific: bool,
}

/// A number to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Number {
    /// Digits with a sign and a point where there are some: exact.
    Exact(String),
    Double(f64),
}

fn refused(reason: &str) -> DataFusionError {
    DataFusionError::Execution(reason.to_owned())
}

impl NumberPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Where its parts do not go together.
    pub fn new(pattern: &str) -> Result<Self> {
        let mut all = Self {
            parts: split(pattern),
            pre: 0,
            post: 0,
            shift: 0,
            sign: SignPlace::None,
            before_sign: 0,
            zero_start: 0,
            zero_end: 0,
            is_zero: false,
            is_blank: false,
            is_bare: false,
            has_point: false,
            has_minus: false,
            has_plus: false,
            has_angles: false,
            is_roman: false,
            is_scientific: false,
        };
        let mut is_shift = false;
        for part in all.parts.clone() {
            if all.is_scientific && !matches!(part, Part::Text(_) | Part::Exponent) {
                return Err(refused("\"EEEE\" must be the last pattern used"));
            }
            all.note(&part, &mut is_shift)?;
        }
        Ok(all)
    }

    fn note(&mut self, part: &Part, is_shift: &mut bool) -> Result<()> {
        match part {
            Part::Nine | Part::Zero if self.has_angles => {
                return Err(refused("digits must be ahead of \"PR\""));
            }
            Part::Nine if *is_shift => self.shift += 1,
            Part::Nine if self.has_point => self.post += 1,
            Part::Nine => self.pre += 1,
            Part::Zero => {
                if !self.is_zero && !self.has_point {
                    self.is_zero = true;
                    self.zero_start = self.pre + 1;
                }
                if self.has_point {
                    self.post += 1;
                } else {
                    self.pre += 1;
                }
                self.zero_end = self.pre + self.post;
            }
            Part::Point if self.has_point => return Err(refused("multiple decimal points")),
            Part::Point if *is_shift => return Err(refused("cannot use \"V\" and decimal point together")),
            Part::Point => self.has_point = true,
            Part::Blank if self.pre == 0 && self.post == 0 && !self.is_zero => self.is_blank = true,
            Part::Bare => self.is_bare = true,
            Part::Sign if self.sign != SignPlace::None => return Err(refused("cannot use \"S\" twice")),
            Part::Sign if self.has_plus || self.has_minus || self.has_angles => {
                return Err(refused("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together"));
            }
            Part::Sign if self.has_point => self.sign = SignPlace::After,
            Part::Sign => {
                self.sign = SignPlace::Before;
                self.before_sign = self.pre;
            }
            Part::Minus | Part::Plus | Part::PlusMinus if self.sign != SignPlace::None => {
                return Err(refused("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\" together"));
            }
            Part::Minus => self.has_minus = true,
            Part::Plus => self.has_plus = true,
            Part::PlusMinus => (self.has_minus, self.has_plus) = (true, true),
            Part::Angle if self.sign != SignPlace::None || self.has_plus || self.has_minus => {
                return Err(refused("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together"));
            }
            Part::Angle => self.has_angles = true,
            Part::Roman { .. } => self.is_roman = true,
            Part::Shift if self.has_point => return Err(refused("cannot use \"V\" and decimal point together")),
            Part::Shift => *is_shift = true,
            Part::Exponent => self.note_exponent()?,
            _ => {}
        }
        Ok(())
    }

    fn note_exponent(&mut self) -> Result<()> {
        let is_alone = !(self.is_scientific
            || self.is_blank
            || self.is_bare
            || self.sign != SignPlace::None
            || self.has_angles
            || self.has_minus
            || self.has_plus
            || self.is_roman
            || self.shift > 0);
        self.is_scientific = true;
        is_alone.then_some(()).ok_or_else(|| {
            refused("\"EEEE\" is incompatible with other formats: it may only be used with digits and a decimal point")
        })
    }

    /// Digits behind the point.
    pub fn scale(&self) -> usize {
        self.post
    }

    /// A number in the form of the pattern.
    ///
    /// # Errors
    /// Where the number cannot be written so: what is no number, and Roman numbers.
    pub fn write(&self, number: &Number) -> Result<String> {
        if let Number::Double(value) = number
            && !value.is_finite()
        {
            return Err(refused(
                "to_char writes no infinite number and no NaN; leave them out with CASE",
            ));
        }
        if self.is_roman {
            return self.written(
                roman(number),
                '+',
                0,
                &Self {
                    pre: 0,
                    post: 0,
                    ..self.clone()
                },
            );
        }
        if self.is_scientific {
            let digits = scientific(number, self.post);
            // Letters of the pattern are left out, as PostgreSQL does.
            return Ok(match digits.starts_with('-') {
                true => digits,
                false => format!(" {digits}"),
            });
        }
        let mut pattern = self.clone();
        pattern.pre += self.shift;
        let digits = rounded(number, self.shift, &mut pattern.post);
        let (sign, digits) = match digits.strip_prefix('-') {
            Some(digits) => ('-', digits.to_owned()),
            None => ('+', digits),
        };
        let whole = digits.find('.').unwrap_or(digits.len());
        let (digits, spaces) = if whole > pattern.pre {
            // It does not fit.
            let mut signs = "#".repeat(pattern.pre + pattern.post + 1);
            signs.replace_range(pattern.pre..=pattern.pre, ".");
            (signs, 0)
        } else {
            (digits, pattern.pre - whole)
        };
        self.written(digits, sign, spaces, &pattern)
    }

    fn written(&self, digits: String, sign: char, spaces: usize, pattern: &Self) -> Result<String> {
        let mut writer = Writer::new(pattern, &digits, sign, spaces);
        for part in &self.parts {
            writer.part(part);
        }
        Ok(writer.text)
    }
}

/// The parts of a pattern.
fn split(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        if letter == '"' {
            let mut signs = rest[1..].chars();
            while let Some(letter) = signs.next() {
                match letter {
                    '"' => break,
                    '\\' => parts.push(Part::Text(signs.next().unwrap_or('\\'))),
                    letter => parts.push(Part::Text(letter)),
                }
            }
            rest = signs.as_str();
            continue;
        }
        let found = PARTS.iter().find(|(name, _)| rest.starts_with(name));
        let found = found.or_else(|| {
            PARTS.iter().find(|(name, _)| {
                rest.get(..name.len())
                    .is_some_and(|text| text.eq_ignore_ascii_case(name) && text == text.to_ascii_lowercase())
            })
        });
        match found {
            Some((name, part)) => {
                parts.push(part.clone());
                rest = &rest[name.len()..];
            }
            None => {
                let rest_after = &rest[letter.len_utf8()..];
                let is_escape = letter == '\\' && rest_after.starts_with('"');
                if !is_escape {
                    parts.push(Part::Text(letter));
                    rest = rest_after;
                } else {
                    parts.push(Part::Text('"'));
                    rest = &rest_after[1..];
                }
            }
        }
    }
    parts
}

/// Writes the parts of a pattern one after the other.
struct Writer<'a> {
    pattern: &'a NumberPattern,
    /// The number without its sign.
    digits: &'a [u8],
    /// The digit that is next.
    place: usize,
    sign: char,
    is_sign_written: bool,
    sign_place: SignPlace,
    has_angles: bool,
    /// Places before the number.
    spaces: usize,
    /// Places of the pattern that were written.
    current: usize,
    count: usize,
    /// The last digit that is written in any case.
    last: Option<usize>,
    is_in_number: bool,
    text: String,
}

impl<'a> Writer<'a> {
    fn new(pattern: &'a NumberPattern, digits: &'a str, sign: char, spaces: usize) -> Self {
        let has_own_sign = pattern.has_plus || pattern.has_minus;
        let mut sign_place = pattern.sign;
        let has_angles = pattern.has_angles && !(sign != '-' && pattern.is_bare);
        let is_sign_written = if has_own_sign {
            pattern.has_minus
        } else {
            if sign_place == SignPlace::Before && pattern.pre == pattern.before_sign {
                sign_place = SignPlace::After;
            }
            sign == '+' && pattern.is_bare && pattern.sign == SignPlace::None
        };
        let bytes = digits.as_bytes();
        let mut last = None;
        if pattern.is_bare && pattern.has_point {
            last = bytes.iter().position(|digit| *digit == b'.').map(|point| {
                let digit = bytes.iter().rposition(|digit| *digit != b'0').unwrap_or(point);
                digit.max(point)
            });
            if let Some(relevant) = last
                && pattern.zero_end > spaces
            {
                let zero = (bytes.len() - 1).min(pattern.zero_end - spaces);
                last = Some(relevant.max(zero));
            }
        }
        let mut count = (pattern.post + pattern.pre).saturating_sub(1);
        if !is_sign_written && spaces == 0 {
            count += 1;
        }
        Self {
            pattern,
            digits: bytes,
            place: 0,
            sign,
            is_sign_written,
            sign_place,
            has_angles,
            spaces,
            current: 0,
            count,
            last,
            is_in_number: false,
            text: String::new(),
        }
    }

    fn part(&mut self, part: &Part) {
        let is_bare = self.pattern.is_bare;
        match part {
            Part::Text(letter) => self.text.push(*letter),
            Part::Nine | Part::Zero | Part::Point => self.digit(part),
            Part::Comma | Part::Group if self.is_in_number => self.text.push(','),
            Part::Comma | Part::Group if !is_bare => self.text.push(' '),
            Part::Currency => self.text.push(' '),
            Part::Roman { is_lower } => {
                let digits = String::from_utf8_lossy(self.digits);
                let digits = if *is_lower {
                    digits.to_lowercase()
                } else {
                    digits.into_owned()
                };
                match is_bare {
                    true => self.text.push_str(&digits),
                    false => self.text.push_str(&format!("{digits:>15}")),
                }
            }
            Part::Ordinal { is_lower } => {
                let is_number = !self.pattern.is_roman && self.digits.first() != Some(&b'#');
                if is_number && self.sign != '-' && !self.pattern.has_point {
                    let ordinal = ordinal_of(&String::from_utf8_lossy(self.digits));
                    match is_lower {
                        true => self.text.push_str(ordinal),
                        false => self.text.push_str(&ordinal.to_uppercase()),
                    }
                }
            }
            Part::Minus => match self.sign {
                '-' => self.text.push('-'),
                _ if !is_bare => self.text.push(' '),
                _ => {}
            },
            Part::Plus => match self.sign {
                '+' => self.text.push('+'),
                _ if !is_bare => self.text.push(' '),
                _ => {}
            },
            Part::PlusMinus => self.text.push(self.sign),
            _ => {}
        }
    }

    /// Whether a zero before the point is left out: `9.9` writes 0.1 as ` .1`.
    fn is_zero_left_out(&self) -> bool {
        !self.pattern.is_zero && self.place == 0 && self.digits.first() == Some(&b'0') && self.pattern.post != 0
    }

    fn is_last_the_point(&self) -> bool {
        self.last.is_some_and(|last| self.digits[last] == b'.')
    }

    fn digit(&mut self, part: &Part) {
        if self.pattern.is_roman {
            return;
        }
        self.is_in_number = false;
        self.sign_before();
        let pattern = self.pattern;
        let is_before = self.current < self.spaces;
        if is_before && (pattern.zero_start > self.current || !pattern.is_zero) {
            if !pattern.is_bare {
                self.text.push(' ');
            }
        } else if is_before {
            self.text.push('0');
            self.is_in_number = true;
        } else {
            self.next_digit(part);
        }
        self.sign_behind();
        self.current += 1;
    }

    fn next_digit(&mut self, part: &Part) {
        let pattern = self.pattern;
        let Some(digit) = self.digits.get(self.place).copied() else {
            return;
        };
        if digit == b'.' {
            if !self.is_last_the_point() || pattern.is_bare {
                self.text.push('.');
            }
        } else if self.last.is_some_and(|last| self.place > last) && *part != Part::Zero {
            // Zeros that FM leaves out.
        } else if self.is_zero_left_out() {
            if !pattern.is_bare {
                self.text.push(' ');
            } else if self.is_last_the_point() {
                self.text.push('0');
            }
        } else {
            self.text.push(char::from(digit));
            self.is_in_number = true;
        }
        self.place += 1;
    }

    fn sign_before(&mut self) {
        let pattern = self.pattern;
        let is_at_number = self.current >= self.spaces || (pattern.is_zero && pattern.zero_start == self.current);
        if self.is_sign_written || !is_at_number || (self.is_zero_left_out() && !self.is_last_the_point()) {
            return;
        }
        if self.sign_place != SignPlace::None {
            if self.sign_place == SignPlace::Before {
                self.text.push(self.sign);
                self.is_sign_written = true;
            }
            return;
        }
        if self.has_angles {
            self.text.push(if self.sign == '+' { ' ' } else { '<' });
        } else if self.sign == '-' {
            self.text.push('-');
        } else if !pattern.is_bare {
            self.text.push(' ');
        }
        self.is_sign_written = true;
    }

    fn sign_behind(&mut self) {
        let pattern = self.pattern;
        let end = match self.last {
            Some(last) if last == self.place => self.current,
            _ => self.count + usize::from(self.spaces > 0) + usize::from(pattern.has_point),
        };
        if self.current + 1 != end {
            return;
        }
        if self.is_sign_written && self.has_angles {
            self.text.push(if self.sign == '+' { ' ' } else { '>' });
        } else if self.sign_place == SignPlace::After {
            self.text.push(self.sign);
        }
    }
}

/// A number with so many digits behind its point, rounded half away from zero where it is exact; fewer where a double does not
/// hold them.
fn rounded(number: &Number, shift: usize, post: &mut usize) -> String {
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
fn scientific(number: &Number, post: usize) -> String {
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
    let rounded = round_exact(&normal, post);
    // 9.99 becomes 10.0.
    match rounded.strip_prefix("10") {
        Some(rest) => {
            let zeros = rest.trim_start_matches('.').len();
            let point = if zeros == 0 { "" } else { "." };
            format!("{sign}1{point}{}e{}", "0".repeat(zeros), exponent(first) + 1)
        }
        None => format!("{sign}{rounded}e{}", exponent(first)),
    }
}

/// A Roman number, or `#` for what is none.
fn roman(number: &Number) -> String {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(number: &str, pattern: &str) -> String {
        let pattern = NumberPattern::new(pattern).expect(pattern);
        pattern.write(&Number::Exact(number.to_owned())).expect(number)
    }

    #[test]
    fn numbers_are_written_as_postgresql_writes_them() {
        for (number, pattern, expected) in [
            ("1234567.891", "FM9,999,999.00", "1,234,567.89"),
            ("5", "000", " 005"),
            ("123.456", "0000", " 0123"),
            ("123.456", "FM990.00%", "123.46%"),
            ("123.456", "9.99EEEE", " 1.23e+02"),
            ("123.456", "999D99", " 123.46"),
            ("123.456", "RN", "         CXXIII"),
            ("-5", "FM9,999,990.0", "-5.0"),
            ("0", "FM9,999,990.0", "0.0"),
            ("0.1", "9.9", "  .1"),
            ("0.1", "FM9.9", ".1"),
            ("-0.1", "99.99", "  -.10"),
            ("12", "9990999.9", "    0012.0"),
            ("12", "FM9990999.9", "0012."),
            ("485", "999", " 485"),
            ("-485", "999", "-485"),
            ("485", "9 9 9", " 4 8 5"),
            ("1485", "9,999", " 1,485"),
            ("1485", "9G999", " 1,485"),
            ("148.5", "999.999", " 148.500"),
            ("148.5", "FM999.999", "148.5"),
            ("148.5", "FM999.990", "148.500"),
            ("-485", "999S", "485-"),
            ("-485", "999MI", "485-"),
            ("485", "999MI", "485 "),
            ("485", "FM999MI", "485"),
            ("485", "PL999", "+485"),
            ("485", "SG999", "+485"),
            ("-485", "9SG99", "4-85"),
            ("-485", "999PR", "<485>"),
            ("485", "FMRN", "CDLXXXV"),
            ("5.2", "FMRN", "V"),
            ("482", "999th", " 482nd"),
            ("485", "\"Good number:\"999", "Good number: 485"),
            ("12", "99V999", " 12000"),
            ("12.4", "99V999", " 12400"),
            ("12.45", "99V9", " 125"),
            ("0.0004859", "9.99EEEE", " 4.86e-04"),
            ("1234", "99", " ##"),
            ("485.8", "\"Pre:\"999\" Post:\" .999", "Pre: 485 Post: .800"),
        ] {
            assert_eq!(shown(number, pattern), expected, "{number} {pattern}");
        }
        for pattern in ["9.9.9", "SS9", "9V.9", "PR9", "FM9EEEE"] {
            assert!(NumberPattern::new(pattern).is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_is_too_strange(pattern in "[09,.GDSVPLMIRNEFMtha \"-]{0,12}", number in "-?[0-9]{1,9}(\\.[0-9]{1,6})?") {
            if let Ok(pattern) = NumberPattern::new(&pattern) {
                let _ = pattern.write(&Number::Exact(number.clone()));
                let _ = pattern.write(&Number::Double(number.parse().expect("a number")));
            }
        }
    }
}
