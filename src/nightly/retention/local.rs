//! Removes a day from a local folder: it is renamed out of sight atomically, and its files are deleted afterwards.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::error::NightlyError;
use super::super::layout;
use super::super::manifest::Manifest;
use super::super::staged::OutputFolder;
use super::{ReasonToStay, listed};
use crate::ids::SnapshotDate;

/// Removes the day, or returns why it has to stay.
pub async fn remove(
    output: &OutputFolder,
    date: SnapshotDate,
    manifest: &Manifest,
) -> Result<Result<(), ReasonToStay>, NightlyError> {
    let name = date.folder_name();
    let folder = output.path().join(&name);
    let files: HashSet<PathBuf> = listed(manifest).chain([layout::MANIFEST]).map(PathBuf::from).collect();
    let looked = folder.clone();
    let foreign = tokio::task::spawn_blocking(move || first_foreign(&looked, &files)).await;
    let foreign = foreign.unwrap_or_else(|error| Err(io::Error::other(error)));
    if let Some(path) = foreign.map_err(NightlyError::writing(&folder))? {
        // The path is empty where the folder itself is a link.
        let path = if path.as_os_str().is_empty() {
            folder
        } else {
            folder.join(path)
        };
        return Ok(Err(ReasonToStay::Foreign(path.display().to_string())));
    }
    output.remove(&name)?;
    Ok(Ok(()))
}

/// The first path below `folder`, in order, that is neither one of `files` nor a folder that contains some. Symbolic
/// links are always foreign.
fn first_foreign(folder: &Path, files: &HashSet<PathBuf>) -> io::Result<Option<PathBuf>> {
    let above = |file: &PathBuf| file.ancestors().skip(1).map(Path::to_owned).collect::<Vec<_>>();
    let folders: HashSet<PathBuf> = files.iter().flat_map(above).collect();
    // A day's folder that is a symbolic link, such as to another disk, is never removed.
    if !fs::symlink_metadata(folder)?.is_dir() {
        return Ok(Some(PathBuf::new()));
    }
    let mut foreign: Option<PathBuf> = None;
    let mut left = vec![PathBuf::new()];
    while let Some(current) = left.pop() {
        for entry in fs::read_dir(folder.join(&current))? {
            let entry = entry?;
            let (path, kind) = (current.join(entry.file_name()), entry.file_type()?);
            if kind.is_dir() && folders.contains(&path) {
                left.push(path);
            } else if !(kind.is_file() && files.contains(&path)) {
                foreign = Some(foreign.map_or_else(|| path.clone(), |first| first.min(path.clone())));
            }
        }
    }
    Ok(foreign)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn foreign(change: impl FnOnce(&Path)) -> Option<String> {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("date=2026-11-22");
        fs::create_dir_all(folder.join("csv/t1")).expect("a folder");
        fs::write(folder.join("csv/t1/b1.csv"), "").expect("a file");
        fs::write(folder.join("manifest.json"), "").expect("a file");
        change(&folder);
        let files = ["csv/t1/b1.csv", "csv/t2/gone.csv", "manifest.json"].map(PathBuf::from);
        let found = first_foreign(&folder, &HashSet::from(files)).expect("listed");
        found.map(|path| path.display().to_string())
    }

    #[test]
    fn what_a_manifest_does_not_list_is_found() {
        assert_eq!(foreign(|_| {}), None);
        for name in ["notes.txt", ".hidden", "csv/t1/b1.csv.bak", "csv/t1/b2.csv", "csv/अन्य"] {
            assert_eq!(
                foreign(|day| fs::write(day.join(name), "").expect("a file")).as_deref(),
                Some(name)
            );
        }
        for name in ["empty", "csv/t3", "csv/t1/b3.csv"] {
            let made = |day: &Path| fs::create_dir(day.join(name)).expect("a folder");
            assert_eq!(foreign(made).as_deref(), Some(name));
        }
    }

    #[test]
    fn links_are_never_followed() {
        let elsewhere = tempfile::tempdir().expect("a folder");
        fs::create_dir(elsewhere.path().join("t1")).expect("a folder");
        fs::write(elsewhere.path().join("t1/b1.csv"), "precious").expect("a file");
        let linked = |day: &Path| {
            fs::remove_dir_all(day.join("csv")).expect("removed");
            symlink(elsewhere.path(), day.join("csv")).expect("a link");
        };
        assert_eq!(foreign(linked).as_deref(), Some("csv"));
        let moved = |day: &Path| {
            fs::remove_dir_all(day).expect("removed");
            symlink(elsewhere.path(), day).expect("a link");
        };
        assert_eq!(foreign(moved).as_deref(), Some(""));
        assert!(elsewhere.path().join("t1/b1.csv").exists());
    }
}
