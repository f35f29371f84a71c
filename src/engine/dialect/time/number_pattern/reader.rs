//! `to_number`: reads a number by a pattern, as leniently as PostgreSQL does.

use datafusion::common::Result;

use super::super::error::TimeError;
use super::{NumberPattern, Part};

/// Most digits of a number that is read.
const MOST_DIGITS: usize = 38;

/// A text that is read character by character.
struct Reader<'a> {
    rest: &'a str,
    is_negative: bool,
    /// Digits before the point and behind it.
    digits: [String; 2],
    is_behind_point: bool,
}

impl NumberPattern {
    /// Digits behind the point.
    pub fn scale(&self) -> usize {
        self.post
    }

    /// The number of a text, in units of the last digit that the pattern has behind its point.
    ///
    /// # Errors
    /// Where the text holds no number, or the pattern is one for writing alone.
    pub fn read(&self, text: &str) -> Result<i128> {
        let invalid = || TimeError::Number(format!("invalid input syntax for type numeric: \"{text}\""));
        if self.is_scientific || self.is_roman || self.shift > 0 {
            let reason = "to_number reads no \"EEEE\", \"RN\" and \"V\"; cast the text, such as x::numeric";
            return Err(TimeError::NotSupported(reason.to_owned()).into());
        }
        let mut reader = Reader {
            rest: text,
            is_negative: false,
            digits: [String::new(), String::new()],
            is_behind_point: false,
        };
        for part in &self.parts {
            if reader.rest.is_empty() {
                break;
            }
            reader.part(part);
        }
        reader.sign();
        let [whole, fraction] = reader.digits;
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid().into());
        }
        let all = format!("{whole}{fraction:0<post$}", post = self.post);
        let is_short = all.len() <= MOST_DIGITS && fraction.len() <= self.post;
        let number: i128 = is_short.then(|| all.parse().ok()).flatten().ok_or_else(invalid)?;
        Ok(if reader.is_negative { -number } else { number })
    }
}

impl Reader<'_> {
    fn pass(&mut self) {
        let mut signs = self.rest.chars();
        signs.next();
        self.rest = signs.as_str();
    }

    /// Reads a sign, where the next character is one.
    fn sign(&mut self) {
        self.is_negative |= self.rest.starts_with(['-', '<']);
        if self.rest.starts_with(['-', '+', '<', '>']) {
            self.pass();
        }
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Nine | Part::Zero => self.digit(),
            Part::Point if self.rest.starts_with('.') => {
                self.is_behind_point = true;
                self.pass();
            }
            Part::Comma | Part::Group if self.rest.starts_with(',') => self.pass(),
            Part::Sign | Part::Minus | Part::Plus | Part::PlusMinus | Part::Angle => self.sign(),
            Part::Currency | Part::Text(_) => self.pass(),
            _ => {}
        }
    }

    fn digit(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
        if self.digits[0].is_empty() && !self.is_behind_point {
            self.sign();
            self.rest = self.rest.trim_start_matches(' ');
        }
        match self.rest.chars().next() {
            Some(digit) if digit.is_ascii_digit() => {
                self.digits[usize::from(self.is_behind_point)].push(digit);
                self.pass();
            }
            Some('.') if !self.is_behind_point => {
                self.is_behind_point = true;
                self.pass();
            }
            // Each digit of the pattern reads one character of the text.
            _ => self.pass(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_postgresql_reads_them() {
        for (text, pattern, expected) in [
            ("1,234.5", "9,999.9", 12_345),
            ("12-", "99S", -12),
            ("$12.50", "L99.99", 1250),
            ("<12>", "99PR", -12),
            ("12.345", "99.99", 1234),
            ("-0.75", "S0.00", -75),
            ("12,454.8-", "99G999D9S", -124_548),
            ("12a4", "9999", 124),
        ] {
            let pattern = NumberPattern::new(pattern).expect(pattern);
            assert_eq!(pattern.read(text).expect(text), expected, "{text}");
        }
        assert!(NumberPattern::new("999").expect("fine").read("abc").is_err());
    }
}
