//! PostgreSQL's patterns of times (`YYYY-MM-DD HH24:MI:SS`), cut into fields and the letters between them.

use datafusion::common::Result;

use super::error::TimeError;

/// A field of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// AD or BC; with points.
    Era {
        has_points: bool,
    },
    /// AM or PM; with points.
    Half {
        has_points: bool,
    },
    Century,
    /// The day of the week by its name, whole or short.
    Weekday {
        is_whole: bool,
    },
    DayOfYear,
    Day,
    /// From Sunday, 1.
    DayOfWeek,
    /// This many digits of the second's fraction.
    Fraction(u8),
    Fixed,
    Hour24,
    Hour12,
    IsoDayOfYear,
    IsoDayOfWeek,
    IsoWeek,
    /// The last digits of the year that an ISO week belongs to.
    IsoYear(u8),
    JulianDay,
    Minute,
    Month,
    /// By its name, whole or short.
    MonthName {
        is_whole: bool,
    },
    RomanMonth,
    Milliseconds,
    Microseconds,
    /// From UTC: `+05:30`.
    Offset,
    OffsetHours,
    OffsetMinutes,
    Zone,
    Quarter,
    SecondOfDay,
    Second,
    WeekOfYear,
    WeekOfMonth,
    /// With a comma: `2,026`.
    YearWithComma,
    /// The last digits of the year.
    Year(u8),
}

/// How the letters of a field are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Upper,
    Capital,
    Lower,
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Field {
        field: Field,
        case: Case,
        /// FM before it: no blanks and zeros around.
        is_bare: bool,
        /// TH or th behind it.
        ordinal: Option<Case>,
    },
    /// A letter that stands for itself.
    Letter(char),
    Separator(char),
    Space(char),
}

impl Part {
    /// Whether a reader may take as many digits as there are for a field before this part.
    pub fn ends_digits(&self) -> bool {
        match self {
            Self::Field { field, .. } => !field.is_digits(),
            Self::Letter(letter) | Self::Separator(letter) | Self::Space(letter) => !letter.is_ascii_digit(),
        }
    }
}

impl Field {
    /// Whether the field is written in digits, as PostgreSQL's table of keywords has it.
    fn is_digits(self) -> bool {
        !matches!(
            self,
            Self::Era { .. }
                | Self::Half { .. }
                | Self::Weekday { .. }
                | Self::MonthName { .. }
                | Self::RomanMonth
                | Self::Offset
                | Self::OffsetHours
                | Self::Zone
                | Self::Fixed
        )
    }
}

/// The fields by their names in capitals; longer names come before those that begin them.
const FIELDS: [(&str, Field); 58] = [
    ("A.D.", Field::Era { has_points: true }),
    ("A.M.", Field::Half { has_points: true }),
    ("AD", Field::Era { has_points: false }),
    ("AM", Field::Half { has_points: false }),
    ("B.C.", Field::Era { has_points: true }),
    ("BC", Field::Era { has_points: false }),
    ("CC", Field::Century),
    ("DAY", Field::Weekday { is_whole: true }),
    ("DDD", Field::DayOfYear),
    ("DD", Field::Day),
    ("DY", Field::Weekday { is_whole: false }),
    ("Day", Field::Weekday { is_whole: true }),
    ("Dy", Field::Weekday { is_whole: false }),
    ("D", Field::DayOfWeek),
    ("FF1", Field::Fraction(1)),
    ("FF2", Field::Fraction(2)),
    ("FF3", Field::Fraction(3)),
    ("FF4", Field::Fraction(4)),
    ("FF5", Field::Fraction(5)),
    ("FF6", Field::Fraction(6)),
    ("FX", Field::Fixed),
    ("HH24", Field::Hour24),
    ("HH12", Field::Hour12),
    ("HH", Field::Hour12),
    ("IDDD", Field::IsoDayOfYear),
    ("ID", Field::IsoDayOfWeek),
    ("IW", Field::IsoWeek),
    ("IYYY", Field::IsoYear(4)),
    ("IYY", Field::IsoYear(3)),
    ("IY", Field::IsoYear(2)),
    ("I", Field::IsoYear(1)),
    ("J", Field::JulianDay),
    ("MI", Field::Minute),
    ("MM", Field::Month),
    ("MONTH", Field::MonthName { is_whole: true }),
    ("MON", Field::MonthName { is_whole: false }),
    ("MS", Field::Milliseconds),
    ("OF", Field::Offset),
    ("P.M.", Field::Half { has_points: true }),
    ("PM", Field::Half { has_points: false }),
    ("Q", Field::Quarter),
    ("RM", Field::RomanMonth),
    ("SSSSS", Field::SecondOfDay),
    ("SSSS", Field::SecondOfDay),
    ("SS", Field::Second),
    ("TZH", Field::OffsetHours),
    ("TZM", Field::OffsetMinutes),
    ("TZ", Field::Zone),
    ("US", Field::Microseconds),
    ("WW", Field::WeekOfYear),
    ("W", Field::WeekOfMonth),
    ("Y,YYY", Field::YearWithComma),
    ("YYYY", Field::Year(4)),
    ("YYY", Field::Year(3)),
    ("YY", Field::Year(2)),
    ("Y", Field::Year(1)),
    ("Month", Field::MonthName { is_whole: true }),
    ("Mon", Field::MonthName { is_whole: false }),
];

/// The parts of a pattern.
///
/// # Errors
/// For a pattern of the engine's own (`%Y-%m-%d`), which PostgreSQL would take for letters.
pub fn parts(pattern: &str) -> Result<Vec<Part>> {
    refuse_percent(pattern)?;
    let mut parts = Vec::new();
    let mut rest = pattern;
    while !rest.is_empty() {
        let is_bare = ["FM", "fm", "TM", "tm"].iter().any(|prefix| rest.starts_with(prefix));
        if is_bare {
            rest = &rest[2..];
        }
        if let Some((name, field, case)) = field_at(rest) {
            rest = &rest[name.len()..];
            let ordinal = match rest.get(..2) {
                Some("TH") => Some(Case::Upper),
                Some("th") => Some(Case::Lower),
                _ => None,
            };
            if ordinal.is_some() {
                rest = &rest[2..];
            }
            parts.push(Part::Field {
                field,
                case,
                is_bare,
                ordinal,
            });
        } else {
            rest = letters(rest, &mut parts);
        }
    }
    Ok(parts)
}

/// Whether a pattern is of the engine's own form: `%Y-%m-%d`.
pub fn is_engine_pattern(pattern: &str) -> bool {
    let mut after = pattern.split('%').skip(1);
    after.any(|after| after.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '-'))
}

fn refuse_percent(pattern: &str) -> Result<()> {
    if !is_engine_pattern(pattern) {
        return Ok(());
    }
    let reason = format!(
        "the pattern '{pattern}' is not PostgreSQL's: write 'YYYY-MM-DD HH24:MI:SS' for '%Y-%m-%d %H:%M:%S', and '\"%\"' for the sign itself"
    );
    Err(TimeError::Parameter(reason).into())
}

/// The field that a pattern begins with.
fn field_at(pattern: &str) -> Option<(&'static str, Field, Case)> {
    FIELDS.iter().find_map(|(name, field)| {
        let found = pattern.get(..name.len())?;
        let has_capitals_alone = !name.contains(|letter: char| letter.is_ascii_lowercase());
        let case = if found == *name {
            match has_capitals_alone {
                true => Case::Upper,
                false => Case::Capital,
            }
        } else if has_capitals_alone && found == name.to_ascii_lowercase() {
            Case::Lower
        } else {
            return None;
        };
        Some((*name, *field, case))
    })
}

/// Adds the letters in quotes, or one letter, that a pattern begins with. Gives the rest.
fn letters<'a>(pattern: &'a str, parts: &mut Vec<Part>) -> &'a str {
    let mut signs = pattern.char_indices();
    let Some((_, first)) = signs.next() else {
        return "";
    };
    if first != '"' {
        if first == '\\' && pattern[1..].starts_with('"') {
            parts.push(Part::Letter('"'));
            return &pattern[2..];
        }
        parts.push(match first {
            letter if letter.is_whitespace() => Part::Space(letter),
            letter if letter.is_ascii_punctuation() => Part::Separator(letter),
            letter => Part::Letter(letter),
        });
        return signs.as_str();
    }
    while let Some((place, letter)) = signs.next() {
        match letter {
            '"' => return &pattern[place + 1..],
            '\\' => parts.push(Part::Letter(signs.next().map_or('\\', |(_, escaped)| escaped))),
            letter => parts.push(Part::Letter(letter)),
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_of_the_engine_are_refused() {
        for pattern in ["%Y-%m-%d", "%-d"] {
            assert!(parts(pattern).is_err(), "{pattern}");
        }
        for pattern in ["99%", "% YYYY", "\"%\"YYYY"] {
            assert!(parts(pattern).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn quotes_protect_letters() {
        let letter = |letter| Part::Letter(letter);
        assert_eq!(
            parts("\"a\\\"Y\"").expect("fine"),
            [letter('a'), letter('"'), letter('Y')]
        );
        assert_eq!(parts("\\\"").expect("fine"), [letter('"')]);
    }

    proptest! {
        #[test]
        fn no_pattern_makes_the_parser_panic(pattern in "\\PC{0,20}") {
            let _ = parts(&pattern);
        }
    }
}
