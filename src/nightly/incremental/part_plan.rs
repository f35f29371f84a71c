//! The plan of a part: which of its files are taken over, and which are made.

use futures::StreamExt;

use super::super::manifest::FileEntry;
use super::Incremental;
use crate::report::{Fingerprint, FingerprintBuilder, ReportBatch, ReportGroup, Section};

/// Files of a part that are taken over concurrently; in a store, each takes several requests.
const TAKEN_AT_A_TIME: usize = 8;

/// The plan of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilePlan {
    /// It is made; holds the fingerprint of its content, where that is known before.
    Make(Option<Fingerprint>),
    /// It has been taken over.
    Taken(FileEntry),
    /// It is neither made nor listed in the manifest.
    LeftOut,
}

/// The plans of a part's files, by batch and by section.
#[derive(Debug, Clone)]
pub struct PartPlan {
    pub reports: Vec<FilePlan>,
    pub mart_files: Vec<FilePlan>,
}

impl FilePlan {
    /// Whether the file is made, so that its rows are needed.
    pub fn is_made(&self) -> bool {
        matches!(self, Self::Make(_))
    }

    /// The entry of a file that was taken over.
    pub fn into_taken(self) -> Option<FileEntry> {
        match self {
            Self::Taken(entry) => Some(entry),
            Self::Make(_) | Self::LeftOut => None,
        }
    }

    fn of(fingerprint: Fingerprint, taken: Option<FileEntry>) -> Self {
        taken.map_or(Self::Make(Some(fingerprint)), Self::Taken)
    }
}

impl PartPlan {
    /// Takes over files of a part where possible, and plans the others. `None` where fingerprints depend on rows that
    /// are not known yet.
    pub async fn taking(incremental: &Incremental, reports: &ReportGroup, part: usize) -> Option<Self> {
        let batches = reports.batches_of_part(part);
        let sections = reports.sections_of_part(part);
        let fingerprints = reports.fingerprints_of_part(part)?;
        let first = sections.first().map_or(0, |section| section.batches.start);
        let mart_files = sections.iter().map(|section| {
            let within = section.batches.start - first..section.batches.end - first;
            (section.number, of_section(&fingerprints[within]))
        });
        let mart_files: Vec<(usize, Fingerprint)> = mart_files.collect();
        Some(Self {
            reports: reports_taking(incremental, batches, &fingerprints).await,
            mart_files: mart_files_taking(incremental, &mart_files).await,
        })
    }

    /// The same for one section with these batches and fingerprints.
    pub async fn taking_section(
        incremental: &Incremental,
        number: usize,
        batches: &[ReportBatch],
        fingerprints: &[Fingerprint],
    ) -> Self {
        let mart_file = [(number, of_section(fingerprints))];
        Self {
            reports: reports_taking(incremental, batches, fingerprints).await,
            mart_files: mart_files_taking(incremental, &mart_file).await,
        }
    }

    /// The same plan for all files of a part.
    pub fn all(plan: &FilePlan, reports: &ReportGroup, part: usize) -> Self {
        Self {
            reports: vec![plan.clone(); reports.batches_of_part(part).len()],
            mart_files: vec![plan.clone(); reports.sections_of_part(part).len()],
        }
    }

    /// Whether any row is needed.
    pub fn is_needed(&self) -> bool {
        self.reports.iter().chain(&self.mart_files).any(FilePlan::is_made)
    }

    /// For each section, whether any of its rows is needed.
    pub fn wanted(&self, sections: &[Section]) -> Vec<bool> {
        let first = sections.first().map_or(0, |section| section.batches.start);
        let is_wanted = |(section, mart_file): (&Section, &FilePlan)| {
            let within = section.batches.start - first..section.batches.end - first;
            mart_file.is_made() || self.reports[within].iter().any(FilePlan::is_made)
        };
        sections.iter().zip(&self.mart_files).map(is_wanted).collect()
    }
}

async fn reports_taking(
    incremental: &Incremental,
    batches: &[ReportBatch],
    fingerprints: &[Fingerprint],
) -> Vec<FilePlan> {
    let taking = batches
        .iter()
        .zip(fingerprints)
        .map(|(batch, &fingerprint)| async move {
            FilePlan::of(fingerprint, incremental.take_report(batch, fingerprint).await)
        });
    // Collected first, because a borrowing iterator is not `Send`.
    let taking = futures::stream::iter(taking.collect::<Vec<_>>());
    taking.buffered(TAKEN_AT_A_TIME).collect().await
}

async fn mart_files_taking(incremental: &Incremental, files: &[(usize, Fingerprint)]) -> Vec<FilePlan> {
    let taking = files.iter().map(|&(number, fingerprint)| async move {
        FilePlan::of(fingerprint, incremental.take_mart_file(number, fingerprint).await)
    });
    let taking = futures::stream::iter(taking.collect::<Vec<_>>());
    taking.buffered(TAKEN_AT_A_TIME).collect().await
}

/// The fingerprint of a file of the mart, from those of its batches.
fn of_section(batches: &[Fingerprint]) -> Fingerprint {
    let mut builder = FingerprintBuilder::default();
    for batch in batches {
        builder.fixed(batch.bytes());
    }
    builder.finish()
}
