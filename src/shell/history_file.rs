//! The history file: lines of earlier sessions, in the user's own state folder, readable by that user alone.

use std::env;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use reedline::FileBackedHistory;

/// Lines that are kept.
const LINES: usize = 2_000;
/// Read and written by its owner alone: statements may hold ids of people.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// `$XDG_STATE_HOME/pragati/history`, or the same below `~/.local/state`; `None` without a home folder.
pub fn default_place() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    Some(state?.join("pragati").join("history"))
}

/// Opens the history file, and creates it where it is missing.
pub fn open(place: &Path) -> Result<FileBackedHistory, io::Error> {
    if let Some(folder) = place.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(folder)?;
    }
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(PRIVATE_FILE)
        .open(place)?;
    if file.metadata()?.is_file() {
        fs::set_permissions(place, Permissions::from_mode(PRIVATE_FILE))?;
    }
    FileBackedHistory::with_file(LINES, place.to_owned()).map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use reedline::{History, HistoryItem};

    use super::*;

    #[test]
    fn the_file_is_private_and_keeps_statements_of_several_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("state/pragati/history");
        let mut history = open(&place).expect("a history");
        history
            .save(HistoryItem::from_command_line("select\n1;"))
            .expect("saved");
        drop(history);
        let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode(&place), 0o600);
        assert_eq!(mode(place.parent().expect("a folder")), 0o700);
        fs::set_permissions(&place, Permissions::from_mode(0o644)).expect("a mode");
        let again = open(&place).expect("a history");
        assert_eq!(mode(&place), 0o600);
        let last = reedline::SearchQuery::everything(reedline::SearchDirection::Backward, None);
        assert_eq!(again.search(last).expect("lines")[0].command_line, "select\n1;");
    }
}
