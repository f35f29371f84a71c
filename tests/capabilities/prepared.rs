//! Folders below the target folder that tests make once and share: Python environments, Node.js packages, sample exports.
//!
//! Tests are processes of their own that run at the same time, so each folder has a lock file. It also notes what it
//! was made from; where that has changed, it is made anew.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Says what a folder was made from.
const MADE_FROM: &str = ".made-from";

/// Calls `with` with the folder `name`, which nobody changes meanwhile. Where it is missing, or was made from other
/// `source` than this, `make` fills an empty one first. `None` where `make` says that it could not; the next test tries
/// again.
pub fn prepared<T>(
    name: &str,
    source: &[u8],
    make: impl FnOnce(&Path) -> bool,
    with: impl FnOnce(&Path) -> T,
) -> Option<T> {
    let shared = shared();
    let folder = shared.join(name);
    let is_made = || fs::read(folder.join(MADE_FROM)).is_ok_and(|noted| noted == source);
    let lock = File::create(shared.join(format!("{name}.lock"))).expect("a lock file");
    lock.lock_shared().expect("the lock");
    if !is_made() {
        lock.unlock().expect("unlocked");
        lock.lock().expect("the lock");
        // Another test may have made it meanwhile.
        if !is_made() {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("a folder");
            if !make(&folder) {
                return None;
            }
            fs::write(folder.join(MADE_FROM), source).expect("noted");
        }
    }
    Some(with(&folder))
}

/// Where such folders are.
fn shared() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the target folder");
    let shared = target.join("tests");
    fs::create_dir_all(&shared).expect("a folder");
    shared
}

/// Copies the files of a folder and of those in it.
pub fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let copy = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&copy).expect("a folder");
            copy_folder(&entry.path(), &copy);
        } else if entry.file_name() != MADE_FROM {
            fs::copy(entry.path(), copy).expect("copied");
        }
    }
}
