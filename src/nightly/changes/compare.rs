//! Compares two outputs: which batches changed, by their manifests, and how many people, by their marts.

use std::cmp::Ordering;
use std::sync::Arc;

use super::super::error::NightlyError;
use super::super::manifest::{Content, FileEntry};
use super::super::published::Published;
use super::cursor::Cursor;
use super::reader::{BatchNumbers, MartReader};
use super::table::{ChangedBatch, People};

/// The batches whose reports differ, or that only one of the outputs has; ordered by id.
pub fn changed_batches(old: &Published, new: &Published) -> Vec<ChangedBatch> {
    let is_same_basis = old.manifest().basis.is_some() && old.manifest().basis == new.manifest().basis;
    let mut changed = Vec::new();
    let (mut before, mut after) = (old.reports().peekable(), new.reports().peekable());
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return changed,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(after)) => batch_id(before).cmp(batch_id(after)),
        };
        let before = before.next_if(|_| order.is_le());
        let after = after.next_if(|_| order.is_ge());
        if let (Some(before), Some(after)) = (before, after)
            && is_same(before, after, is_same_basis)
        {
            continue;
        }
        changed.extend(changed_batch(before, after));
    }
}

/// Whether two reports of a batch are equal. Equal content fingerprints mean that they are. Different ones mean that
/// they are not where the outputs have different bases. On the same basis the files decide, which also stay equal where
/// only times within a day changed.
fn is_same(before: &FileEntry, after: &FileEntry, is_same_basis: bool) -> bool {
    let fingerprints = before.fingerprint.as_ref().zip(after.fingerprint.as_ref());
    match fingerprints {
        Some((before, after)) if before == after => true,
        Some(_) if !is_same_basis => false,
        _ => before.sha256 == after.sha256 && before.content == after.content,
    }
}

fn changed_batch(before: Option<&FileEntry>, after: Option<&FileEntry>) -> Option<ChangedBatch> {
    match &after.or(before)?.content {
        Content::ReportCsv {
            batch_id,
            course_id,
            tenant_id,
            ..
        } => Some(ChangedBatch {
            batch_id: batch_id.clone(),
            course_id: course_id.clone(),
            tenant_id: tenant_id.clone(),
            rows_before: before.map(|entry| entry.rows),
            rows_after: after.map(|entry| entry.rows),
            people: Some(People::default()),
        }),
        _ => None,
    }
}

/// Counts the people of changed batches who were added, removed, or completed since.
pub async fn count_people(old: &Published, new: &Published, changed: &mut [ChangedBatch]) -> Result<(), NightlyError> {
    let ids: Vec<String> = changed.iter().map(|batch| batch.batch_id.clone()).collect();
    let numbers: Arc<BatchNumbers> = Arc::new(ids.iter().cloned().zip(0..).collect());
    let [mut before, mut after] = [old, new].map(|output| {
        let reader = MartReader::new(output, files_with(output, &ids), Arc::clone(&numbers));
        Cursor::before(reader)
    });
    loop {
        let (has_before, has_after) = (before.read_on().await?, after.read_on().await?);
        if !has_before && !has_after {
            return Ok(());
        }
        // Rows are compared until one cursor has to read more.
        while before.has_person() == has_before && after.has_person() == has_after {
            let order = match (before.key(), after.key()) {
                (Some(before), Some(after)) => before.cmp(&after),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            let here = if order.is_le() { before.key() } else { after.key() };
            let Some((batch, _)) = here else { break };
            if let Some(people) = &mut changed[batch].people {
                let completes = order.is_ge() && after.has_completed();
                let had_completed = order.is_le() && before.has_completed();
                people.added += u64::from(order.is_gt());
                people.removed += u64::from(order.is_lt());
                people.completed += u64::from(completes && !had_completed);
            }
            if order.is_le() {
                before.advance();
            }
            if order.is_ge() {
                after.advance();
            }
        }
        // Yields, so that a comparison of many people can be stopped.
        tokio::task::yield_now().await;
    }
}

/// The files of the mart that may contain rows of the batches `ids`, which are sorted.
fn files_with<'a>(published: &'a Published, ids: &'a [String]) -> impl Iterator<Item = &'a FileEntry> {
    let holds_one = |file: &&FileEntry| match &file.content {
        Content::ReportMart {
            first_batch_id,
            last_batch_id,
        } => {
            let from = ids.partition_point(|id| id < first_batch_id);
            file.rows > 0 && ids.get(from).is_some_and(|id| id <= last_batch_id)
        }
        _ => false,
    };
    published.manifest().files.iter().filter(holds_one)
}

fn batch_id(entry: &FileEntry) -> &str {
    match &entry.content {
        Content::ReportCsv { batch_id, .. } => batch_id,
        _ => "",
    }
}
