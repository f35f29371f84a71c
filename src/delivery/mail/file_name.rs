//! The names that report files have for people: in mails, in downloads and inside ZIP archives.
//!
//! A name says what the file is in any script, and is safe on every system and in every header.

use crate::delivery::access::BatchFacts;
use crate::delivery::options::RequestOptions;
use crate::ids::SnapshotDate;
use crate::names::{is_reserved, safe_label};
use crate::report::ReportFormat;

/// The longest name in bytes. Some systems allow 255, but ZIP tools and percent-encoded headers (three bytes for one)
/// need shorter names.
const NAME_BYTES: usize = 120;
const PREFIX: &str = "course-progress";

/// `course-progress_<batch name or id>_<date>.csv` or `.xlsx`. Batches of the same name have files of the same name.
pub fn report_file_name(batch: &BatchFacts, date: SnapshotDate, format: ReportFormat) -> String {
    file_name_with_options(batch, &RequestOptions::default(), date, format)
}

/// The same as [`report_file_name`], with the options of the request: `…_by-block_filtered_<date>.zip`.
pub fn file_name_with_options(
    batch: &BatchFacts,
    asked: &RequestOptions,
    date: SnapshotDate,
    format: ReportFormat,
) -> String {
    let name = batch.batch_name.as_deref().unwrap_or_default();
    named(["", name], batch.batch_id.as_str(), asked, date, format)
}

/// The name of a file of several batches: that of their course, where it has one, and its id; or their number.
pub fn several_file_name(
    batches: usize,
    asked: &RequestOptions,
    course_name: Option<&str>,
    date: SnapshotDate,
    format: ReportFormat,
) -> String {
    let number = format!("{batches}-batches");
    let course = asked.course.as_deref().unwrap_or_default();
    let course_name = course_name.unwrap_or_default();
    named([course_name, course], &number, asked, date, format)
}

/// A name that ends with `known` where that fits in whole, otherwise with `other`.
fn named(
    [before, known]: [&str; 2],
    other: &str,
    asked: &RequestOptions,
    date: SnapshotDate,
    format: ReportFormat,
) -> String {
    let split = asked.split_by.map(|column| format!("_by-{column}")).unwrap_or_default();
    let filtered = if asked.filter.is_empty() { "" } else { "_filtered" };
    let end = format!("{split}{filtered}_{date}.{}", asked.extension(format));
    let room = NAME_BYTES - format!("{PREFIX}_{end}").len();
    let known = safe_label(known, room);
    let before = safe_label(before, room.saturating_sub(known.len() + 1));
    let both = format!("{before}_{known}");
    let is_both = !before.is_empty() && !known.is_empty();
    let label = [if is_both { both } else { known }, safe_label(other, room)]
        .into_iter()
        .find(|label| !label.is_empty())
        .unwrap_or_else(|| "batch".to_owned());
    format!("{PREFIX}_{label}{end}")
}

/// The name of the ZIP archive that holds a file of that name.
pub(super) fn archive_name(file_name: &str) -> String {
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    format!("{stem}.zip")
}

/// Any name made safe: what [`report_file_name`] gives stays as it is.
pub(super) fn safe_file_name(name: &str) -> String {
    let label = safe_label(name, NAME_BYTES);
    if label.is_empty() || is_reserved(&label) {
        return format!("{PREFIX}_{label}");
    }
    label
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::names::is_invisible;

    fn name_of(batch_name: Option<&str>, batch_id: &str) -> String {
        let batch = BatchFacts {
            batch_id: batch_id.parse().expect("an id"),
            course_id: None,
            batch_name: batch_name.map(str::to_owned),
            tenant_id: None,
            created_by: None,
            mentors: BTreeSet::new(),
            rows: None,
        };
        report_file_name(&batch, "2026-11-22".parse().expect("a date"), ReportFormat::Csv)
    }

    #[test]
    fn names_say_which_batch_and_day() {
        for (name, id, expected) in [
            (Some("Batch 1"), "b1", "course-progress_Batch-1_2026-11-22.csv"),
            (Some("बैच १ – मैसूर"), "b1", "course-progress_बैच-१-मैसूर_2026-11-22.csv"),
            (Some("வகுப்பு"), "b1", "course-progress_வகுப்பு_2026-11-22.csv"),
            (
                None,
                "0130271096968396800",
                "course-progress_0130271096968396800_2026-11-22.csv",
            ),
            (Some(" \t"), "b1", "course-progress_b1_2026-11-22.csv"),
            (Some("..."), "/\\", "course-progress_batch_2026-11-22.csv"),
            (
                Some("../../etc/passwd"),
                "b1",
                "course-progress_etc-passwd_2026-11-22.csv",
            ),
            (
                Some("a\r\nBcc: x@y.z"),
                "b1",
                "course-progress_a-Bcc-x-y.z_2026-11-22.csv",
            ),
            (
                Some("gpj.\u{202e}exe\""),
                "b1",
                "course-progress_gpj.exe_2026-11-22.csv",
            ),
        ] {
            assert_eq!(name_of(name, id), expected);
        }
    }

    #[test]
    fn names_say_what_was_asked_for() {
        let asked: RequestOptions =
            serde_json::from_str(r#"{"split_by": "block", "filter": {"completed": true}}"#).expect("JSON");
        let batch = BatchFacts {
            batch_id: "b1".parse().expect("an id"),
            course_id: None,
            batch_name: Some("बैच १".to_owned()),
            tenant_id: None,
            created_by: None,
            mentors: BTreeSet::new(),
            rows: None,
        };
        let date: SnapshotDate = "2026-11-22".parse().expect("a date");
        assert_eq!(
            file_name_with_options(&batch, &asked, date, ReportFormat::Csv),
            "course-progress_बैच-१_by-block_filtered_2026-11-22.zip"
        );
        let course: RequestOptions =
            serde_json::from_str(r#"{"batches": ["b1", "b2"], "course": "do_1"}"#).expect("JSON");
        assert_eq!(
            several_file_name(2, &course, None, date, ReportFormat::Xlsx),
            "course-progress_do_1_2026-11-22.xlsx"
        );
        assert_eq!(
            several_file_name(2, &course, Some("गणित: १/२"), date, ReportFormat::Csv),
            "course-progress_गणित-१-२_do_1_2026-11-22.zip"
        );
        let long = several_file_name(2, &course, Some("म".repeat(200).as_str()), date, ReportFormat::Csv);
        assert!(
            long.ends_with("म_do_1_2026-11-22.zip") && long.len() <= NAME_BYTES,
            "{long}"
        );
        let listed = RequestOptions { course: None, ..course };
        assert_eq!(
            several_file_name(2, &listed, None, date, ReportFormat::Csv),
            "course-progress_2-batches_2026-11-22.zip"
        );
    }

    #[test]
    fn devices_of_windows_are_no_names() {
        assert_eq!(safe_file_name("con.csv"), "course-progress_con.csv");
        assert_eq!(safe_file_name("LPT1"), "course-progress_LPT1");
        assert_eq!(safe_file_name("contents.csv"), "contents.csv");
        assert_eq!(safe_file_name(""), "course-progress_");
    }

    #[test]
    fn an_archive_has_its_file_s_name() {
        assert_eq!(
            archive_name("course-progress_b.1_2026-11-22.xlsx"),
            "course-progress_b.1_2026-11-22.zip"
        );
    }

    proptest! {
        #[test]
        fn every_name_is_safe_everywhere(name in any::<Option<String>>(), id in "\\PC*[^\\s]") {
            let file_name = name_of(name.as_deref(), &id);
            prop_assert!(file_name.len() <= NAME_BYTES);
            prop_assert!(file_name.starts_with("course-progress_") && file_name.ends_with("_2026-11-22.csv"));
            prop_assert!(file_name.len() > "course-progress__2026-11-22.csv".len());
            let is_bad = |char: char| is_invisible(char) || char.is_whitespace() || "/\\:*?\"'<>|;%`$&".contains(char);
            prop_assert!(!file_name.contains(is_bad), "{file_name:?}");
            prop_assert_eq!(safe_file_name(&file_name), file_name.clone());
        }

        #[test]
        fn any_text_becomes_a_safe_name(text in any::<String>()) {
            let name = safe_file_name(&text);
            prop_assert!(!name.is_empty() && name.len() <= NAME_BYTES + PREFIX.len() + 1);
            prop_assert!(!name.starts_with('.') && !is_reserved(&name));
            prop_assert_eq!(safe_file_name(&name), name.clone());
        }
    }
}
