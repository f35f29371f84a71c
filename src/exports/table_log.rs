//! The data files that a table log names. Only they hold the current rows of the table; files of deleted and replaced rows
//! stay beside them until they are vacuumed.

use std::collections::BTreeSet;
use std::ops::Bound;

use object_store::ListResult;
use object_store::path::Path;

/// The data files of one version of a table, by their paths in the store.
#[derive(Debug, Default)]
pub struct LogFiles {
    files: BTreeSet<Path>,
}

impl FromIterator<Path> for LogFiles {
    fn from_iter<T: IntoIterator<Item = Path>>(files: T) -> Self {
        Self {
            files: files.into_iter().collect(),
        }
    }
}

impl LogFiles {
    /// Whether the object at `path` is a data file of the table.
    pub fn contains(&self, path: &Path) -> bool {
        self.files.contains(path)
    }

    /// The data files below `folder`.
    pub fn below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a Path> {
        let from = (Bound::Included(folder), Bound::Unbounded);
        // In sorted order, siblings such as `date=2026-11-22x` may lie between a folder and its content.
        let same_start = |file: &&Path| file.as_ref().starts_with(folder.as_ref());
        let files = self.files.range::<Path, _>(from).take_while(same_start);
        files.filter(|file| file.prefix_matches(folder))
    }

    /// Leaves in `found` the data files of the table, and the folders that contain some.
    pub fn among(&self, mut found: ListResult) -> ListResult {
        found.objects.retain(|object| self.contains(&object.location));
        found
            .common_prefixes
            .retain(|folder| self.below(folder).next().is_some());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_folder_are_those_below_it() {
        let files = ["t/d=1/a", "t/d=1.x/b", "t/d=1/s=KA/c", "t/d=10/d", "t/e"].map(Path::from);
        let log: LogFiles = files.into_iter().collect();
        let below = |folder: &str| {
            let folder = Path::from(folder);
            log.below(&folder).map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(below("t/d=1"), ["t/d=1/a", "t/d=1/s=KA/c"]);
        assert_eq!(below("t/d=10"), ["t/d=10/d"]);
        assert_eq!(below("t").len(), 5);
        assert_eq!(below("t/d"), [""; 0]);
        assert!(log.contains(&Path::from("t/e")) && !log.contains(&Path::from("t/d=1")));
    }
}
