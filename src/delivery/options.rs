//! The options of a request beside its batch, format and delivery: further batches, a filter, a split into parts. They
//! are stored with the request, so that every retry produces the same report.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::hex::hex;
use crate::ids::BatchId;
use crate::report::{Container, ReportFilter, ReportFormat, SplitColumn};

/// Length of the digest of the options, in bytes.
const DIGEST_BYTES: usize = 16;

/// How several batches are put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchFiles {
    /// A file, or a sheet, for each batch.
    #[default]
    Each,
    /// One file, with a column that names the batch.
    One,
}

impl BatchFiles {
    /// Whether it is the default.
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// The options of a request. The default is a batch's whole report as one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestOptions {
    /// All batches, ordered by id, where the request is for several; of a course, those that it had at the time of the
    /// request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<BatchId>,
    /// The course, where all its batches were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course: Option<String>,
    /// How several batches are put together.
    #[serde(skip_serializing_if = "BatchFiles::is_usual")]
    pub files: BatchFiles,
    /// The column that the report is split by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_by: Option<SplitColumn>,
    /// The conditions that its rows meet.
    #[serde(skip_serializing_if = "ReportFilter::is_empty")]
    pub filter: ReportFilter,
}

impl RequestOptions {
    /// Whether it is one batch's whole report as one file.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the filter, the split and the way several batches are put together are equal; the batches are not
    /// compared.
    pub fn is_as(&self, other: &Self) -> bool {
        self.course == other.course
            && self.files == other.files
            && self.split_by == other.split_by
            && self.filter == other.filter
    }

    /// The stored form (JSON); `None` for the default.
    pub fn text(&self) -> Option<String> {
        // A list of names, words and days is always JSON.
        (!self.is_usual()).then(|| serde_json::to_string(self).unwrap_or_default())
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// Where no version of this program wrote the text.
    pub fn of_text(text: Option<&str>) -> Result<Self, serde_json::Error> {
        text.map_or_else(|| Ok(Self::default()), serde_json::from_str)
    }

    /// A digest of the options, in hexadecimal: equal exactly where they are equal, and empty for the default.
    pub fn digest(&self) -> String {
        let digest = |text: String| hex(&Sha256::digest(text)[..DIGEST_BYTES]);
        self.text().map(digest).unwrap_or_default()
    }

    /// The kind of file that the rows are written to.
    pub fn container(&self, format: ReportFormat) -> Container {
        let is_in_parts = self.split_by.is_some() || (!self.batches.is_empty() && self.files == BatchFiles::Each);
        if is_in_parts { format.parts() } else { Container::File }
    }

    /// The file extension, without the dot.
    pub fn extension(&self, format: ReportFormat) -> &'static str {
        match self.container(format) {
            Container::Zip => "zip",
            Container::Workbook | Container::File => format.extension(),
        }
    }

    /// The media type of the file.
    pub fn media_type(&self, format: ReportFormat) -> &'static str {
        match self.container(format) {
            Container::Zip => "application/zip",
            Container::Workbook | Container::File => format.media_type(),
        }
    }
}

impl fmt::Display for RequestOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_deref().unwrap_or("the whole report"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> RequestOptions {
        serde_json::from_str(text).expect("what was asked for")
    }

    #[test]
    fn different_options_have_different_digests() {
        let all = [
            "{}",
            r#"{"split_by": "block"}"#,
            r#"{"split_by": "school"}"#,
            r#"{"filter": {"block": ["A"]}}"#,
            r#"{"filter": {"block": ["A", "B"]}}"#,
            r#"{"filter": {"school": ["A"]}}"#,
            r#"{"batches": ["b1", "b2"]}"#,
            r#"{"batches": ["b1", "b2"], "files": "one"}"#,
            r#"{"batches": ["b1", "b2"], "course": "c1"}"#,
        ];
        let digests: std::collections::BTreeSet<String> = all.iter().map(|text| asked(text).digest()).collect();
        assert_eq!(digests.len(), all.len());
        assert_eq!(asked("{}").digest(), "");
        let (one, other) = (
            r#"{"filter": {"block": ["B", "A"]}}"#,
            r#"{"filter": {"block": ["A", "B"]}}"#,
        );
        assert_eq!(asked(one).digest(), asked(other).digest());
    }

    #[test]
    fn options_are_stored_as_text() {
        let several = asked(
            r#"{"batches": ["b1"], "split_by": "district", "filter": {"completed": false, "progress": "0..50"}}"#,
        );
        let text = several.text().expect("a text");
        assert_eq!(RequestOptions::of_text(Some(&text)).expect("read"), several);
        assert!(RequestOptions::of_text(None).expect("read").is_usual());
        assert!(RequestOptions::of_text(Some("{\"other\": 1}")).is_err());
    }

    #[test]
    fn parts_are_an_archive_or_a_workbook() {
        for (text, csv, xlsx) in [
            ("{}", "csv", "xlsx"),
            (r#"{"filter": {"completed": true}}"#, "csv", "xlsx"),
            (r#"{"split_by": "block"}"#, "zip", "xlsx"),
            (r#"{"batches": ["b1"]}"#, "zip", "xlsx"),
            (r#"{"batches": ["b1"], "files": "one"}"#, "csv", "xlsx"),
            (
                r#"{"batches": ["b1"], "files": "one", "split_by": "block"}"#,
                "zip",
                "xlsx",
            ),
        ] {
            let asked = asked(text);
            assert_eq!(
                (asked.extension(ReportFormat::Csv), asked.extension(ReportFormat::Xlsx)),
                (csv, xlsx),
                "{text}"
            );
        }
    }
}
