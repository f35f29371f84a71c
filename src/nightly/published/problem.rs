//! What is wrong with an output, in words without advice. The errors of readers add that `pragati nightly` makes the
//! output again; the warnings of a nightly run, which does so at that moment, do not.

use super::error::PublishedError;

impl PublishedError {
    /// What is wrong, without the advice to run `pragati nightly` again.
    pub fn problem(&self) -> String {
        match self {
            Self::NoManifest { manifest, reason } => no_manifest(manifest, reason),
            Self::UnknownVersion { manifest, found, known } => unknown_version(manifest, found, known),
            Self::WrongSize { file, expected, found } => wrong_size(file, expected, found),
            Self::MissingFile { file } => missing_file(file),
            Self::Damaged { file, reason } => damaged(file, reason),
            Self::WrongHash { file } => wrong_hash(file),
            Self::OlderTable { file, column } => older_table(file, column),
            other => other.to_string(),
        }
    }
}

pub(super) fn no_manifest(manifest: &str, reason: &str) -> String {
    format!("{manifest} is not a manifest: {reason}")
}

pub(super) fn unknown_version(manifest: &str, found: &u32, known: &u32) -> String {
    format!("{manifest} has format version {found} and this pragati reads version {known}")
}

pub(super) fn wrong_size(file: &str, expected: &u64, found: &u64) -> String {
    format!("{file} has {found} bytes and its manifest says {expected}")
}

pub(super) fn missing_file(file: &str) -> String {
    format!("{file} is listed in its manifest and missing")
}

pub(super) fn damaged(file: &str, reason: &str) -> String {
    format!("{file} cannot be read as a part of the nightly output: {reason}")
}

pub(super) fn wrong_hash(file: &str) -> String {
    format!("{file} has not the SHA-256 that its manifest says")
}

pub(super) fn older_table(file: &str, column: &str) -> String {
    format!("{file} has no column {column}: an earlier pragati made it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_what_the_error_says_without_its_advice() {
        let file = || "OUT/date=2026-11-21/part-00000.parquet".to_owned();
        for error in [
            PublishedError::NoManifest {
                manifest: "OUT/date=2026-11-21/manifest.json".to_owned(),
                reason: "EOF while parsing".to_owned(),
            },
            PublishedError::UnknownVersion {
                manifest: "OUT/date=2026-11-21/manifest.json".to_owned(),
                found: 2,
                known: 1,
            },
            PublishedError::WrongSize {
                file: file(),
                expected: 3,
                found: 2,
            },
            PublishedError::MissingFile { file: file() },
            PublishedError::Damaged {
                file: file(),
                reason: "no footer".to_owned(),
            },
            PublishedError::WrongHash { file: file() },
            PublishedError::OlderTable {
                file: file(),
                column: "revision".to_owned(),
            },
        ] {
            let (problem, said) = (error.problem(), error.to_string());
            assert!(said.starts_with(&problem), "{problem}: {said}");
            assert!(said.ends_with("run `pragati nightly` again"), "{said}");
            assert!(!problem.contains("again"), "{problem}");
        }
    }
}
