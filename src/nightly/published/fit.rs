//! Whether the reports of an output are those of a snapshot; if so, its mart is the snapshot's table
//! `course_progress_report`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Published, PublishedError};
use crate::catalog::{Catalog, CatalogError, MappingUsed, MartPart, ReportMart, is_telemetry};
use crate::config::{Config, DateChoice};
use crate::exports::{Location, Table};
use crate::nightly::incremental::basis;
use crate::nightly::layout;
use crate::nightly::manifest::{Content, FileEntry};

/// Reads the view `course_progress_report` of `catalog` from the nightly output under `serve.reports`, where that has
/// the snapshot's day and was made from its files, with the same settings and queries. Otherwise the view stays as it
/// is, and the log says why at the level `debug`.
///
/// # Errors
/// Where the table cannot be registered.
pub async fn read_view_from_output(catalog: &mut Catalog, config: &Config) -> Result<(), CatalogError> {
    let Some(reports) = &config.serve.reports else {
        return Ok(());
    };
    let open = async {
        let reports = Location::parse(reports)?;
        Published::open(reports, DateChoice::Day(catalog.date)).await
    };
    match open.await {
        Ok(published) => published.read_view(catalog, config).await,
        Err(error) => {
            not_read(&error);
            Ok(())
        }
    }
}

fn not_read(error: &PublishedError) {
    tracing::debug!("the view course_progress_report is not read from a mart: {error}");
}

impl Published {
    /// Reads the view `course_progress_report` of `catalog` from this output, where it fits.
    ///
    /// # Errors
    /// Where the table cannot be registered.
    pub async fn read_view(&self, catalog: &mut Catalog, config: &Config) -> Result<(), CatalogError> {
        match self.mart_of(catalog, config) {
            Ok(mart) => catalog.read_reports_from(mart).await,
            Err(error) => {
                not_read(&error);
                Ok(())
            }
        }
    }

    /// The mart, whose rows are those of `course_progress_report` in `catalog`.
    ///
    /// # Errors
    /// Says why they may be others: another snapshot, settings or queries, or a manifest that contradicts itself.
    fn mart_of(&self, catalog: &Catalog, config: &Config) -> Result<ReportMart, PublishedError> {
        self.check_settings(config, &catalog.mapping_rules)?;
        self.check_snapshot(catalog)?;
        if catalog.has_own_report_queries() || !self.is_on_basis_of(catalog, config) {
            return Err(PublishedError::OtherQueries { reports: self.place() });
        }
        self.mart()
    }

    /// Checks that the output was made from the files of the snapshot. Their locations may differ, as between a mount
    /// and a URL.
    ///
    /// # Errors
    /// Where it was made from other files, or its mapping had other settings.
    pub fn check_snapshot(&self, catalog: &Catalog) -> Result<(), PublishedError> {
        let settings = |mapping: &Option<MappingUsed>| mapping.as_ref().map(|mapping| mapping.settings.clone());
        let made = &self.manifest.mapping;
        if self.is_made_from(catalog) && (made.is_none() || settings(made) == settings(&catalog.mapping)) {
            return Ok(());
        }
        Err(PublishedError::OtherFiles {
            reports: self.place(),
            date: catalog.date,
        })
    }

    fn is_made_from(&self, catalog: &Catalog) -> bool {
        let inputs = self.manifest.inputs.iter();
        let mut made_from: Vec<_> = inputs
            .filter(|input| is_reported(&input.table))
            .map(|input| (input.table.as_str(), input.rows, input.bytes, input.modified))
            .collect();
        let inputs = catalog.inputs.iter();
        let mut found: Vec<_> = inputs
            .filter(|input| is_reported(&input.table))
            .map(|input| {
                let (inspected, object) = (&input.inspected, &input.inspected.object);
                (input.table.as_str(), inspected.rows, object.size, object.last_modified)
            })
            .collect();
        made_from.sort_unstable();
        found.sort_unstable();
        self.manifest.snapshot_date == catalog.date && made_from == found
    }

    /// Whether the output was made with the same queries, mappings and versions. Other differences of the basis
    /// change no row: how files are written, and whether mails have a password. What else is set for reports is
    /// compared by [`Self::check_settings`].
    fn is_on_basis_of(&self, catalog: &Catalog, config: &Config) -> bool {
        let Some(made) = &self.manifest.basis else { return false };
        let is_made = |has_password: bool| {
            let mut as_made = Config {
                report: self.manifest.report.clone(),
                ..config.clone()
            };
            as_made.mail.zip_password = None;
            as_made.mail.zip_password_file = has_password.then(PathBuf::new);
            basis(catalog, &as_made).is_ok_and(|basis| basis == *made)
        };
        [false, true].into_iter().any(is_made)
    }

    /// The files of the mart with the batches that they hold.
    fn mart(&self) -> Result<ReportMart, PublishedError> {
        let damaged = |reason: &str| PublishedError::damaged(&self.manifest_place(), reason);
        let manifest = self.manifest_object.clone();
        let manifest = manifest.ok_or_else(|| damaged("its version is not known"))?;
        let mut parts: Vec<MartPart> = self.mart.iter().filter_map(|&entry| self.part(entry)).collect();
        parts.sort_by(|a, b| a.first_batch_id.cmp(&b.first_batch_id));
        let mut reports = self.reports().filter(|report| report.rows > 0).peekable();
        for part in &mut parts {
            let mut rows = 0;
            while let Some(report) = reports.next_if(|report| is_in(report, part)) {
                rows += report.rows;
                if let Content::ReportCsv { tenant_id, .. } = &report.content {
                    part.tenants.insert(tenant_id.clone());
                }
            }
            if rows != part.rows {
                return Err(damaged("the rows of a file of the mart are not those of its batches"));
            }
        }
        let rows: u64 = parts.iter().map(|part| part.rows).sum();
        if reports.next().is_some() || rows != self.manifest.counts.rows_reported {
            return Err(damaged("the mart does not have the rows of all reports"));
        }
        Ok(ReportMart {
            day: self.manifest.snapshot_date,
            reports: self.reports.clone(),
            manifest,
            parts,
        })
    }

    /// A file of the mart without its tenants; none where it has no rows.
    fn part(&self, entry: usize) -> Option<MartPart> {
        let file = self.manifest.files.get(entry).filter(|file| file.rows > 0)?;
        let Content::ReportMart {
            first_batch_id,
            last_batch_id,
        } = &file.content
        else {
            return None;
        };
        Some(MartPart {
            path: layout::object_path(&self.day, &file.path),
            bytes: file.bytes,
            rows: file.rows,
            first_batch_id: first_batch_id.clone(),
            last_batch_id: last_batch_id.clone(),
            tenants: BTreeSet::new(),
        })
    }

    fn manifest_place(&self) -> String {
        self.reports.display(&self.day.clone().join(layout::MANIFEST))
    }
}

/// Whether the batch of a report lies in the range of a file of the mart.
fn is_in(report: &FileEntry, part: &MartPart) -> bool {
    match &report.content {
        Content::ReportCsv { batch_id, .. } => (&part.first_batch_id..=&part.last_batch_id).contains(&batch_id),
        _ => false,
    }
}

/// Whether reports depend on a table. Names are read anew with each snapshot.
pub fn is_reported(table: &str) -> bool {
    let is_other = |other: Table| other == Table::DownloadEvents || other.may_be_absent();
    !Table::from_name(table).is_some_and(is_other) && !is_telemetry(table)
}
