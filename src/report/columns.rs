//! The twelve columns of the report: the one place that maps query columns to headers.

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
    /// The header that readers see.
    pub header: &'static str,
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
