//! The twelve columns of the report, which map query columns to headers, and the columns that a report can be split by.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a column's values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    Text,
    /// A local calendar day.
    Date,
    /// A whole percent, written with `%`.
    Percent,
}

/// One column of the report.
#[derive(Debug, Clone, Copy)]
pub struct ReportColumn {
    /// The column of `queries/reports/course_progress_report.sql`.
    pub name: &'static str,
    /// The header that readers see, unless the site has others (`CsvStyle::headers_of`).
    pub header: &'static str,
    /// How its cells are written.
    pub kind: CellKind,
}

const fn column(name: &'static str, header: &'static str, kind: CellKind) -> ReportColumn {
    ReportColumn { name, header, kind }
}

/// The columns, in the order of the file.
pub const COLUMNS: [ReportColumn; 12] = [
    column("external_id", "External ID", CellKind::Text),
    column("user_id", "User ID", CellKind::Text),
    column("user_name", "User Name", CellKind::Text),
    column("email", "Email ID", CellKind::Text),
    column("mobile", "Mobile Number", CellKind::Text),
    column("organization_name", "Organization Name", CellKind::Text),
    column("district_name", "District Name", CellKind::Text),
    column("school_name", "School Name", CellKind::Text),
    column("block_name", "Block Name", CellKind::Text),
    column("enrollment_date", "Enrollment Date", CellKind::Date),
    column("course_progress", "Course Progress", CellKind::Percent),
    column("completion_date", "Completion Date", CellKind::Date),
];

/// Only a file of several batches has this column.
const BATCH: ReportColumn = column("batch_id", "Batch", CellKind::Text);

const WITH_BATCH: [ReportColumn; 13] = {
    let mut columns = [BATCH; 13];
    let mut place = 0;
    while place < COLUMNS.len() {
        columns[place + 1] = COLUMNS[place];
        place += 1;
    }
    columns
};

/// The columns of a file: the twelve, after the batch's id where the file has rows of several batches.
pub fn columns_of(is_of_several: bool) -> &'static [ReportColumn] {
    if is_of_several { &WITH_BATCH } else { &COLUMNS }
}

/// A column by whose values reports can be filtered and split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum SplitColumn {
    Block,
    District,
    School,
    Organisation,
}

impl SplitColumn {
    /// All columns of this kind.
    pub const ALL: [Self; 4] = [Self::Block, Self::District, Self::School, Self::Organisation];

    /// The word for it in options and in the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::District => "district",
            Self::School => "school",
            Self::Organisation => "organisation",
        }
    }

    /// The column of the report query.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block_name",
            Self::District => "district_name",
            Self::School => "school_name",
            Self::Organisation => "organization_name",
        }
    }

    /// The header that readers see.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Block => "Block Name",
            Self::District => "District Name",
            Self::School => "School Name",
            Self::Organisation => "Organization Name",
        }
    }
}

impl fmt::Display for SplitColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_has_the_header_of_its_column() {
        for split in SplitColumn::ALL {
            let column = COLUMNS.iter().find(|column| column.name == split.name());
            assert_eq!(column.map(|column| column.header), Some(split.header()));
        }
    }

    #[test]
    fn only_files_of_several_batches_have_a_batch_column() {
        let headers = |is_of_several| columns_of(is_of_several).iter().map(|column| column.header);
        assert!(headers(false).eq(COLUMNS.iter().map(|column| column.header)));
        assert!(headers(true).eq(std::iter::once("Batch").chain(headers(false))));
    }

    #[test]
    fn every_header_is_known_to_the_languages() {
        let known = crate::language::report_headers(crate::language::Language::English);
        assert!(columns_of(true).iter().map(|column| &column.header).eq(known));
    }
}
