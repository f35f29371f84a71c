//! `to_char` of numbers: PostgreSQL's patterns of digits (`FM9,999,990.00`), which say where signs, blanks and zeros stand.
//!
//! The rules are those of PostgreSQL's `formatting.c`, for a locale whose decimal sign is a point.

mod digits;
mod reader;
mod writer;

use datafusion::common::{DataFusionError, Result};

pub use digits::Number;
use digits::{roman, rounded, scientific};
use writer::Writer;

use super::error::TimeError;

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
    /// The places of the first zero and of the last one, counted from 0 and from 1.
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

fn refused(reason: &str) -> DataFusionError {
    TimeError::Pattern(reason.to_owned()).into()
}

impl NumberPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Where its parts conflict.
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
                    self.zero_start = self.pre;
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

    /// A number in the form of the pattern.
    ///
    /// # Errors
    /// For infinity and NaN.
    pub fn write(&self, number: &Number) -> Result<String> {
        if let Number::Double(value) = number
            && !value.is_finite()
        {
            return Err(refused(
                "to_char writes no infinite number and no NaN; leave them out with CASE",
            ));
        }
        if self.is_roman {
            let pattern = Self {
                pre: 0,
                post: 0,
                ..self.clone()
            };
            return Ok(self.written(roman(number), '+', 0, &pattern));
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
            // The number has more digits than the pattern has places.
            let mut signs = "#".repeat(pattern.pre + pattern.post + 1);
            signs.replace_range(pattern.pre..=pattern.pre, ".");
            (signs, 0)
        } else {
            (digits, pattern.pre - whole)
        };
        Ok(self.written(digits, sign, spaces, &pattern))
    }

    fn written(&self, digits: String, sign: char, spaces: usize, pattern: &Self) -> String {
        let mut writer = Writer::new(pattern, &digits, sign, spaces);
        for part in &self.parts {
            writer.part(part);
        }
        writer.text
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
            ("485", "PL999", "+ 485"),
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
            ("-997.5", "9.9EEEE", "-10.0e+02"),
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
        fn no_pattern_makes_the_writer_panic(pattern in "[09,.GDSVPLMIRNEFMtha \"-]{0,12}", number in "-?[0-9]{1,9}(\\.[0-9]{1,6})?") {
            if let Ok(pattern) = NumberPattern::new(&pattern) {
                let _ = pattern.write(&Number::Exact(number.clone()));
                let _ = pattern.write(&Number::Double(number.parse().expect("a number")));
            }
        }
    }
}
