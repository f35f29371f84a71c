//! The names that report files have for people: in mails, in downloads and inside ZIP archives.
//!
//! A name says what the file is in any script, and is safe on every system and in every header.

use super::plain::is_invisible;
use crate::delivery::access::BatchFacts;
use crate::delivery::request::FileFormat;
use crate::ids::SnapshotDate;

/// Bytes of a whole name. Some systems allow 255; ZIP tools and a header's percent-encoding (three bytes for one) want less.
const NAME_BYTES: usize = 120;
const PREFIX: &str = "course-progress";

/// `course-progress_<batch name or id>_<date>.csv` or `.xlsx`. Batches of the same name have files of the same name.
pub fn report_file_name(batch: &BatchFacts, date: SnapshotDate, format: FileFormat) -> String {
    let extension = match format {
        FileFormat::Csv => "csv",
        FileFormat::Xlsx => "xlsx",
    };
    let room = NAME_BYTES - format!("{PREFIX}__{date}.{extension}").len();
    let name = batch.batch_name.as_deref().unwrap_or_default();
    let label = [name, batch.batch_id.as_str()]
        .into_iter()
        .map(|text| safe_label(text, room))
        .find(|label| !label.is_empty())
        .unwrap_or_else(|| "batch".to_owned());
    format!("{PREFIX}_{label}_{date}.{extension}")
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

/// The part of a text that may stand in a file name, in at most `room` bytes; it neither starts nor ends with a dot, a hyphen
/// or a joiner.
fn safe_label(text: &str, room: usize) -> String {
    let mut label = String::new();
    for char in text.chars().filter(|&char| !is_invisible(char) || char.is_whitespace()) {
        let safe = if is_allowed(char) { char } else { '-' };
        if safe == '-' && label.ends_with('-') {
            continue;
        }
        if label.len() + safe.len_utf8() > room {
            break;
        }
        label.push(safe);
    }
    label
        .trim_matches(|char| matches!(char, '.' | '-' | '\u{200c}' | '\u{200d}'))
        .to_owned()
}

/// Letters, digits and marks of every script, and the few signs that no shell, file system or header gives a meaning.
fn is_allowed(char: char) -> bool {
    match char {
        '.' | '_' | '-' | '+' | '(' | ')' | ',' => true,
        // The division slash and the fraction slash look like a path separator, and so do the full-width forms.
        '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{ff0f}' | '\u{ff3c}' | '\u{ff1a}' => false,
        // Private use and noncharacters mean nothing elsewhere.
        '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{f0000}'.. => false,
        char if char.is_ascii() => char.is_ascii_alphanumeric(),
        char if char.is_whitespace() => false,
        // General punctuation is quotes, dashes and spaces; only the joiners of Indian scripts are wanted.
        '\u{2000}'..='\u{206f}' => matches!(char, '\u{200c}' | '\u{200d}'),
        char => u32::from(char) & 0xfffe != 0xfffe,
    }
}

/// Names that Windows keeps for devices, with any extension.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_uppercase();
    let is_numbered = |device: &str| {
        stem.strip_prefix(device).is_some_and(|number| {
            number.chars().count() == 1 && number.chars().all(|char| "0123456789¹²³".contains(char))
        })
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || is_numbered("COM")
        || is_numbered("LPT")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

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
        report_file_name(&batch, "2026-11-22".parse().expect("a date"), FileFormat::Csv)
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
