//! The formats of report files, and what each is like. The command line, the API, stored requests, mails and files ask
//! here; how rows are written in a format is in `write.rs`.

use std::fmt;

/// A format of report files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportFormat {
    /// CSV (RFC 4180), in the style that is asked for.
    Csv,
    /// A spreadsheet with one sheet.
    Xlsx,
    /// Typed columns under their SQL names.
    Parquet,
}

/// The container that the rows are written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// One file with all rows.
    File,
    /// A ZIP archive with one file for each part.
    Zip,
    /// A workbook with one sheet for each part.
    Workbook,
}

/// What a format is like; the methods of [`ReportFormat`] have the meanings.
struct Facts {
    word: &'static str,
    extension: &'static str,
    media_type: &'static str,
    explanation: Option<&'static str>,
    is_text: bool,
    is_delivered: bool,
    parts: Container,
}

impl ReportFormat {
    /// All formats, in the order in which they are offered.
    pub const ALL: &[Self] = &[Self::Csv, Self::Xlsx, Self::Parquet];

    const fn facts(self) -> Facts {
        match self {
            Self::Csv => Facts {
                word: "csv",
                extension: "csv",
                media_type: "text/csv; charset=utf-8",
                explanation: None,
                is_text: true,
                is_delivered: true,
                parts: Container::Zip,
            },
            Self::Xlsx => Facts {
                word: "xlsx",
                extension: "xlsx",
                media_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                explanation: None,
                is_text: false,
                is_delivered: true,
                parts: Container::Workbook,
            },
            Self::Parquet => Facts {
                word: "parquet",
                extension: "parquet",
                media_type: "application/vnd.apache.parquet",
                explanation: Some("The same columns with typed values, under the names that they have in SQL"),
                is_text: false,
                is_delivered: false,
                parts: Container::Zip,
            },
        }
    }

    /// The word for it, on the command line, in the API, the database and metrics.
    pub const fn word(self) -> &'static str {
        self.facts().word
    }

    /// The format of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.word() == word)
    }

    /// The file extension, without the dot.
    pub const fn extension(self) -> &'static str {
        self.facts().extension
    }

    /// The media type of such a file.
    pub const fn media_type(self) -> &'static str {
        self.facts().media_type
    }

    /// What the help of commands says beside the word, where the word does not say it.
    pub const fn explanation(self) -> Option<&'static str> {
        self.facts().explanation
    }

    /// Whether a terminal can show such a file.
    pub const fn is_text(self) -> bool {
        self.facts().is_text
    }

    /// Whether it can be asked for by requests and subscriptions, as a mail or as a download. Others are written by
    /// commands alone.
    pub const fn is_delivered(self) -> bool {
        self.facts().is_delivered
    }

    /// The formats that are delivered.
    pub fn delivered() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|format| format.is_delivered())
    }

    /// What a report in parts, or of several batches with a part each, is delivered as.
    pub const fn parts(self) -> Container {
        self.facts().parts
    }
}

impl fmt::Display for ReportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_its_own_word_and_extension() {
        for (place, &format) in ReportFormat::ALL.iter().enumerate() {
            assert_eq!(ReportFormat::from_word(format.word()), Some(format));
            let earlier = &ReportFormat::ALL[..place];
            assert!(
                earlier.iter().all(|other| other.extension() != format.extension()),
                "{format}"
            );
        }
        assert_eq!(ReportFormat::from_word("CSV"), None);
        assert_eq!(ReportFormat::from_word("pdf"), None);
    }

    #[test]
    fn parquet_is_for_commands_alone() {
        let delivered: Vec<ReportFormat> = ReportFormat::delivered().collect();
        assert_eq!(delivered, [ReportFormat::Csv, ReportFormat::Xlsx]);
    }
}
