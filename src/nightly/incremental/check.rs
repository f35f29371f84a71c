//! Verifies a sample of the files that were taken over by making them anew (`pragati nightly --verify`).

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::super::error::NightlyError;
use super::super::layout;
use super::super::manifest::FileEntry;
use super::super::staged::{StagedOutput, make_folder};
use super::{FilePlan, PartPlan};
use crate::report::{ReportGroup, Section};

/// Of the sections with files that were taken over, about one in 20 is compared, and at least one of each part.
const ONE_OF: u64 = 20;

/// The verification of a run, with the temporary folder of the files that are made anew.
#[derive(Debug)]
pub struct Checks {
    folder: StagedOutput,
    seed: Seed,
}

/// Seed of the sample, which differs in each run.
#[derive(Debug, Clone, Copy)]
struct Seed([u8; 16]);

/// The files of a part that are made anew for comparison.
pub struct PartCheck {
    pub folder: StagedOutput,
    pub plan: PartPlan,
    /// Whether the rows of each section are needed.
    pub wanted: Vec<bool>,
    seed: Seed,
}

impl Checks {
    /// Creates the folder below `temp_folder`.
    pub fn begin(temp_folder: &Path) -> Result<Self, NightlyError> {
        let folder = StagedOutput::new_among_others(temp_folder)?;
        make_folder(&folder.path().join(layout::MART))?;
        let seed = Seed(uuid::Uuid::new_v4().into_bytes());
        Ok(Self { folder, seed })
    }

    /// Chooses the sections of a part to compare. `None` where nothing was taken over.
    pub fn of_part(&self, plan: &PartPlan, sections: &[Section]) -> Option<PartCheck> {
        let first = sections.first().map_or(0, |section| section.batches.start);
        let within = |section: &Section| section.batches.start - first..section.batches.end - first;
        let has_taken = |place: &usize| {
            let reports = &plan.reports[within(&sections[*place])];
            is_taken(&plan.mart_files[*place]) || reports.iter().any(is_taken)
        };
        let candidates: Vec<usize> = (0..sections.len()).filter(has_taken).collect();
        let least = *candidates
            .iter()
            .min_by_key(|&&place| self.seed.number_of(&sections[place]))?;
        let mut wanted = vec![false; sections.len()];
        for place in candidates {
            wanted[place] = place == least || self.seed.chooses(&sections[place]);
        }
        let mut reports = vec![FilePlan::LeftOut; plan.reports.len()];
        let mut mart_files = vec![FilePlan::LeftOut; sections.len()];
        for (place, section) in sections.iter().enumerate().filter(|(place, _)| wanted[*place]) {
            for batch in within(section) {
                reports[batch] = again(&plan.reports[batch]);
            }
            mart_files[place] = again(&plan.mart_files[place]);
        }
        Some(PartCheck {
            folder: self.folder.clone(),
            plan: PartPlan { reports, mart_files },
            wanted,
            seed: self.seed,
        })
    }

    /// The check of a part whose sections are buffered and planned one by one; empty at first.
    pub fn of_buffered(&self, reports: &ReportGroup, part: usize) -> PartCheck {
        PartCheck {
            folder: self.folder.clone(),
            plan: PartPlan::all(&FilePlan::LeftOut, reports, part),
            wanted: Vec::new(),
            seed: self.seed,
        }
    }
}

impl Seed {
    fn chooses(self, section: &Section) -> bool {
        self.number_of(section).is_multiple_of(ONE_OF)
    }

    /// A hash of the section and the seed.
    fn number_of(self, section: &Section) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(section.number.to_le_bytes());
        let digest = hash.finalize();
        digest.iter().take(8).fold(0, |bits, &byte| bits << 8 | u64::from(byte))
    }
}

impl PartCheck {
    /// The files of a section with this plan to compare, if any. `is_first`: no file of its part is compared yet.
    pub fn of_section(&self, section: &Section, plan: &PartPlan, is_first: bool) -> Option<PartPlan> {
        let has_taken = plan.reports.iter().chain(&plan.mart_files).any(is_taken);
        let is_compared = has_taken && (is_first || self.seed.chooses(section));
        is_compared.then(|| PartPlan {
            reports: plan.reports.iter().map(again).collect(),
            mart_files: plan.mart_files.iter().map(again).collect(),
        })
    }

    /// Compares the files that were `made` anew with those of the part, and removes them.
    ///
    /// # Errors
    /// Names a file that was taken over and differs.
    pub fn compare(&self, made: &[FileEntry], of_part: &[FileEntry]) -> Result<(), NightlyError> {
        for again in made {
            let path = self.folder.path().join(&again.path);
            fs::remove_file(&path).map_err(NightlyError::writing(&path))?;
            let taken = of_part.iter().find(|file| file.path == again.path);
            if taken.is_none_or(|taken| taken.sha256 != again.sha256 || taken.rows != again.rows) {
                return Err(NightlyError::NotAsMadeAnew(again.path.clone()));
            }
        }
        Ok(())
    }
}

/// The plan by which a file that was taken over is made anew.
fn again(plan: &FilePlan) -> FilePlan {
    match is_taken(plan) {
        true => FilePlan::Make(None),
        false => FilePlan::LeftOut,
    }
}

fn is_taken(plan: &FilePlan) -> bool {
    matches!(plan, FilePlan::Taken(_))
}
