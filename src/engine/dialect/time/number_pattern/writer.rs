//! Writes a number's digits, signs and blanks by a pattern.

use super::super::pattern_write::ordinal_of;
use super::{NumberPattern, Part, SignPlace};

/// Writes the parts of a pattern one after the other.
pub struct Writer<'a> {
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
    pub text: String,
}

impl<'a> Writer<'a> {
    /// A writer of a number: its digits, its sign, and the number of blanks before it.
    pub fn new(pattern: &'a NumberPattern, digits: &'a str, sign: char, spaces: usize) -> Self {
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

    /// Writes one part.
    pub fn part(&mut self, part: &Part) {
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
