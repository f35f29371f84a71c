//! Files on local disks: private to their owner, staged before they appear, and on stable storage before anything tells of
//! them.
//!
//! A power cut may drop whatever was not synced and keep the rest: a name without its content, or a content without its
//! name. So a file is synced before it gets its name, and the folder afterwards.

mod durable;
mod eager_file;
mod error;
mod hashed;
mod staged;
mod write_back;

pub use durable::{folder_of, make_folder_durably, move_durably, persist_durably, put_durably, sync_folder};
pub use eager_file::EagerFile;
pub use error::WriteError;
pub use hashed::{HashedFile, Written};
pub use staged::{LOCK_FILE, StagedOutput, lock_folder, make_folder, remove_folders_named, remove_staging_folders};
pub use write_back::WriteBack;
#[cfg(feature = "cluster")]
pub use write_back::sync_file_system;

/// The permissions of files that only their owner can read.
const PRIVATE_FILE: u32 = 0o600;
/// The permissions of folders that only their owner can enter.
const PRIVATE_FOLDER: u32 = 0o700;
