//! The layout of a night's output (`docs/design.md`, "Nightly output"), and how an id becomes a file name.

use object_store::path::Path;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// The manifest, written last.
pub const MANIFEST: &str = "manifest.json";
/// The folder of the batches' CSV files.
pub const CSV: &str = "csv";
/// The folder of the report mart.
pub const MART: &str = "course_progress_report";
/// The folder of the download ratio over windows of time.
pub const RATIO: &str = "download_ratio";
/// The folder of the download ratio by day.
pub const RATIO_BY_DAY: &str = "download_ratio_by_day";
/// The folder of the table of changed batches, and the table's name.
pub const CHANGES: &str = "changed_batches";
/// The folder of batches without a known tenant.
const UNKNOWN_TENANT: &str = "_";

/// The longest file name in bytes: every file system takes it, with room for an extension.
const LONGEST_NAME: usize = 200;
/// Bytes that are kept of a longer name, before the digest that makes it unique.
const KEPT_OF_LONG_NAME: usize = 120;
/// Hexadecimal digits of the digest: enough that two ids never have the same.
const DIGEST_DIGITS: usize = 32;

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The CSV file of a batch, relative to the day's folder: `csv/<tenant>/<batch>.csv`.
pub fn csv_path(tenant_id: Option<&str>, batch_id: &str) -> String {
    let tenant = tenant_id.map_or(UNKNOWN_TENANT.to_owned(), file_name);
    format!("{CSV}/{tenant}/{}.csv", file_name(batch_id))
}

/// The path of file number `number` in a folder of Parquet files.
pub fn part_path(folder: &str, number: usize) -> String {
    format!("{folder}/part-{number:05}.parquet")
}

/// The path of the CSV file beside a folder of Parquet files.
pub fn table_csv_path(folder: &str) -> String {
    format!("{folder}/{folder}.csv")
}

/// The object of `relative`, a path in a manifest, below a day's folder in a store. The names in it are already
/// encoded.
pub fn object_path(day: &Path, relative: &str) -> Path {
    Path::parse(format!("{day}/{relative}")).unwrap_or_else(|_| day.clone().join(relative))
}

/// The file name of an id: percent-encoded except letters, digits, `-`, `_` and `.`; never hidden, never `_` alone
/// (which stands for a missing id), and of bounded length. Distinct ids have distinct names.
pub fn file_name(id: &str) -> String {
    let mut name = utf8_percent_encode(id, ENCODED).to_string();
    if name.starts_with('.') {
        name.replace_range(..1, "%2E");
    }
    if name == UNKNOWN_TENANT {
        return "%5F".to_owned();
    }
    if name.len() > LONGEST_NAME {
        name = shortened(&name, id);
    }
    name
}

/// The start of the name, `~` (which no other name has), and the start of the id's SHA-256.
fn shortened(name: &str, id: &str) -> String {
    let kept = &name[..KEPT_OF_LONG_NAME];
    let whole = match kept.rfind('%') {
        Some(escape) if escape + "%XX".len() > kept.len() => &kept[..escape],
        _ => kept,
    };
    format!("{whole}~{}", hex(&Sha256::digest(id)[..DIGEST_DIGITS / 2]))
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_become_safe_names() {
        for (id, name) in [
            ("0130320389509939204", "0130320389509939204"),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
            ("..", "%2E."),
            ("_", "%5F"),
            ("__", "__"),
            ("a\"b\n", "a%22b%0A"),
            ("बैच", "%E0%A4%AC%E0%A5%88%E0%A4%9A"),
            ("100%", "100%25"),
            ("~", "%7E"),
        ] {
            assert_eq!(file_name(id), name, "{id:?}");
        }
        assert_eq!(csv_path(None, "b"), "csv/_/b.csv");
        assert_eq!(csv_path(Some("t/1"), "b"), "csv/t%2F1/b.csv");
    }

    #[test]
    fn long_ids_are_cut_between_escapes() {
        let name = file_name(&"🙂".repeat(2_500));
        assert!(name.len() <= LONGEST_NAME, "{name}");
        let (kept, digest) = name.split_once('~').expect("a digest");
        assert_eq!(kept.len() % 3, 0, "{kept}");
        assert_eq!(digest.len(), DIGEST_DIGITS);
        assert_ne!(file_name(&"a".repeat(10_000)), file_name(&"a".repeat(10_001)));
    }

    proptest! {
        #[test]
        fn names_are_safe_and_tell_ids_apart(id in ".{1,300}", other in ".{1,300}") {
            let name = file_name(&id);
            prop_assert!(!name.starts_with('.') && name != UNKNOWN_TENANT && name.len() <= LONGEST_NAME);
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.%~".contains(&byte)));
            if name.contains('~') {
                prop_assert!(utf8_percent_encode(&id, ENCODED).to_string().len() > LONGEST_NAME);
            } else {
                prop_assert_eq!(percent_decode_str(&name).decode_utf8().expect("UTF-8"), id.as_str());
            }
            prop_assert_eq!(name == file_name(&other), id == other);
        }
    }
}
