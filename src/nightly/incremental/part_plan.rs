//! What a run does with each file of a part: takes it over, or makes it.

use futures::StreamExt;

use super::super::manifest::FileEntry;
use super::Incremental;
use crate::report::{Fingerprint, FingerprintBuilder, ReportGroup, Section};

/// Files of a part that are taken over at a time; in a store, each waits for answers.
const TAKEN_AT_A_TIME: usize = 8;

/// What happens to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilePlan {
    /// It is made; its content has this fingerprint, where that is known before.
    Make(Option<Fingerprint>),
    /// It is in its place already.
    Taken(FileEntry),
    /// It is neither wanted nor listed.
    LeftOut,
}

/// The plan of a part: one of each of its batches, and of each of its sections.
#[derive(Debug, Clone)]
pub struct PartPlan {
    pub reports: Vec<FilePlan>,
    pub mart_files: Vec<FilePlan>,
}

impl FilePlan {
    /// Whether rows are needed.
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
    /// Takes over what can be taken over of a part, and plans the rest.
    pub async fn taking(incremental: &Incremental, reports: &ReportGroup, part: usize) -> Self {
        let batches = reports.batches_of_part(part);
        let sections = reports.sections_of_part(part);
        let Some(fingerprints) = reports.fingerprints_of_part(part) else {
            return Self {
                reports: vec![FilePlan::Make(None); batches.len()],
                mart_files: vec![FilePlan::Make(None); sections.len()],
            };
        };
        let taking = batches
            .iter()
            .zip(&fingerprints)
            .map(|(batch, &fingerprint)| async move {
                FilePlan::of(fingerprint, incremental.take_report(batch, fingerprint).await)
            });
        // Collected first, because a borrowing iterator is not `Send`.
        let taking = futures::stream::iter(taking.collect::<Vec<_>>());
        let of_batches = taking.buffered(TAKEN_AT_A_TIME).collect::<Vec<_>>().await;
        let first = sections.first().map_or(0, |section| section.batches.start);
        let taking = sections.iter().map(|section| {
            let within = section.batches.start - first..section.batches.end - first;
            let fingerprint = of_section(&fingerprints[within]);
            async move {
                FilePlan::of(
                    fingerprint,
                    incremental.take_mart_file(section.number, fingerprint).await,
                )
            }
        });
        let taking = futures::stream::iter(taking.collect::<Vec<_>>());
        Self {
            reports: of_batches,
            mart_files: taking.buffered(TAKEN_AT_A_TIME).collect().await,
        }
    }

    /// Of each section, whether any of its rows is needed.
    pub fn wanted(&self, sections: &[Section]) -> Vec<bool> {
        let first = sections.first().map_or(0, |section| section.batches.start);
        let is_wanted = |(section, mart_file): (&Section, &FilePlan)| {
            let within = section.batches.start - first..section.batches.end - first;
            mart_file.is_made() || self.reports[within].iter().any(FilePlan::is_made)
        };
        sections.iter().zip(&self.mart_files).map(is_wanted).collect()
    }
}

/// The fingerprint of a file of the mart, from those of its batches.
fn of_section(batches: &[Fingerprint]) -> Fingerprint {
    let mut builder = FingerprintBuilder::default();
    for batch in batches {
        builder.fixed(batch.bytes());
    }
    builder.finish()
}
