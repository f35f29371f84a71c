//! The options that choose rows of a report.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use pragati::ids::SnapshotDate;
use pragati::report::{ProgressRange, ReportFilter};

use super::failure::UsageError;

#[derive(Debug, Args)]
pub struct FilterOptions {
    /// Only rows with this Block Name, exactly as it is in the report; may be repeated; "" for rows without one
    #[arg(long, value_name = "NAME", help_heading = "Filter")]
    block: Vec<String>,
    /// Only rows with this District Name; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Filter")]
    district: Vec<String>,
    /// Only rows with this School Name; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Filter")]
    school: Vec<String>,
    /// Only rows with this Organization Name; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Filter")]
    organisation: Vec<String>,
    /// Only rows with a Completion Date, or only those without
    #[arg(long, value_enum, value_name = "ANSWER", help_heading = "Filter")]
    completed: Option<Answer>,
    /// Only rows whose Course Progress is in this range, both ends included, such as 0..50
    #[arg(long, value_name = "FROM..TO", help_heading = "Filter")]
    progress: Option<ProgressRange>,
    /// Only rows with an Enrollment Date on or after this day
    #[arg(long, value_name = "DATE", help_heading = "Filter")]
    enrolled_since: Option<SnapshotDate>,
    /// Only rows with an Enrollment Date on or before this day
    #[arg(long, value_name = "DATE", help_heading = "Filter")]
    enrolled_until: Option<SnapshotDate>,
    /// Only rows with a Completion Date on or after this day
    #[arg(long, value_name = "DATE", help_heading = "Filter")]
    completed_since: Option<SnapshotDate>,
    /// Only rows with a Completion Date on or before this day
    #[arg(long, value_name = "DATE", help_heading = "Filter")]
    completed_until: Option<SnapshotDate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Answer {
    Yes,
    No,
}

impl FilterOptions {
    /// The filter, checked as a whole.
    pub fn filter(&self) -> Result<ReportFilter, UsageError> {
        let values = |values: &Vec<String>| -> BTreeSet<String> { values.iter().cloned().collect() };
        let day = |date: Option<SnapshotDate>| date.map(SnapshotDate::day);
        let filter = ReportFilter {
            block: values(&self.block),
            district: values(&self.district),
            school: values(&self.school),
            organisation: values(&self.organisation),
            completed: self.completed.map(|answer| answer == Answer::Yes),
            progress: self.progress,
            enrolled_since: day(self.enrolled_since),
            enrolled_until: day(self.enrolled_until),
            completed_since: day(self.completed_since),
            completed_until: day(self.completed_until),
        };
        filter.checked().map_err(|error| UsageError(error.to_string()))
    }
}
