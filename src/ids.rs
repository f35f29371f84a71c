//! The identifiers that pass through every room, as types, so that none is mistaken for another or for plain text.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// A text that is not an identifier.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum IdError {
    #[error("{what} is blank; give one that is not")]
    Blank { what: &'static str },
    #[error("'{text}' is not a date; write it as YYYY-MM-DD, for example 2026-11-22")]
    NotADate { text: String },
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as exported, never blank.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                if text.trim().is_empty() {
                    return Err(IdError::Blank { what: $what });
                }
                Ok(Self(text))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A batch: one run of a course for one group of learners.
    BatchId,
    "the batch id"
);
text_id!(
    /// A tenant: the state or organisation that owns users and batches.
    TenantId,
    "the tenant id"
);
text_id!(
    /// A person of the platform, by the id that exports and login tokens share.
    UserId,
    "the user id"
);

/// The day of a snapshot, as in the folder name `date=YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnapshotDate(NaiveDate);

impl SnapshotDate {
    /// The calendar day.
    pub fn day(self) -> NaiveDate {
        self.0
    }

    /// The date that a folder is for, if it is named `date=YYYY-MM-DD`.
    pub fn from_folder_name(name: &str) -> Option<Self> {
        name.strip_prefix("date=")?.parse().ok()
    }

    /// The folder name of this date: `date=YYYY-MM-DD`.
    pub fn folder_name(self) -> String {
        format!("date={self}")
    }
}

impl From<NaiveDate> for SnapshotDate {
    fn from(day: NaiveDate) -> Self {
        Self(day)
    }
}

impl FromStr for SnapshotDate {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let not_a_date = || IdError::NotADate { text: text.to_owned() };
        // chrono also takes `2026-1-2`; a folder or an option of that form is more likely a mistake.
        if text.len() != "YYYY-MM-DD".len() {
            return Err(not_a_date());
        }
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map(Self)
            .map_err(|_| not_a_date())
    }
}

impl TryFrom<String> for SnapshotDate {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<SnapshotDate> for String {
    fn from(date: SnapshotDate) -> String {
        date.to_string()
    }
}

impl fmt::Display for SnapshotDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_ids_are_refused() {
        assert!("".parse::<BatchId>().is_err());
        assert!(" \t".parse::<TenantId>().is_err());
        assert_eq!("0130 ".parse::<BatchId>().expect("an id").as_str(), "0130 ");
    }

    #[test]
    fn dates_are_written_in_full() {
        assert!("2026-1-2".parse::<SnapshotDate>().is_err());
        assert!("2026-02-30".parse::<SnapshotDate>().is_err());
        let date: SnapshotDate = "2026-11-22".parse().expect("a date");
        assert_eq!(SnapshotDate::from_folder_name(&date.folder_name()), Some(date));
    }
}
