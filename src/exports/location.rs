//! Locations of files: one type for local folders and prefixes in object stores.

use std::fmt;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::{Path, PathPart};
use url::Url;

use super::store::open_store;
use crate::config::without_secrets;

/// A location that cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum LocationError {
    #[error("'{text}' is not a folder or URL that can be used: {reason}; give a path, s3://, gs://, az:// or file://")]
    Malformed { text: String, reason: String },
    #[error("folder {} does not exist; check the path", .0.display())]
    NoSuchFolder(PathBuf),
}

/// A folder, local or in an object store.
#[derive(Clone)]
pub struct Location {
    /// The store that holds the files.
    pub store: Arc<dyn ObjectStore>,
    /// The root URL of the store, by which it is registered in the engine: `file:///`, `s3://bucket/`.
    pub root: Url,
    /// This folder inside the store.
    pub prefix: Path,
}

impl Location {
    /// Parses a path (relative to the working folder) or a URL. A local folder must exist.
    ///
    /// # Errors
    /// The text is neither a path nor a URL of a known store, or the folder does not exist.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        // Some reasons repeat the URL, which may hold a signature or a password.
        let shown = without_secrets(text);
        let malformed = |reason: String| LocationError::Malformed {
            reason: reason.replace(text, &shown),
            text: shown.clone(),
        };
        if !text.contains("://") {
            let folder = std::path::absolute(text).map_err(|error| malformed(error.to_string()))?;
            return Self::local(&folder);
        }
        let url = Url::parse(text).map_err(|error| malformed(error.to_string()))?;
        if url.scheme() == "file" {
            let folder = url
                .to_file_path()
                .map_err(|()| malformed("a file:// URL needs three slashes and an absolute path".to_owned()))?;
            return Self::local(&folder);
        }
        let (store, prefix) =
            open_store(&url).map_err(|error| malformed(error.to_string().replace(url.as_str(), &shown)))?;
        let root = store_root(&url);
        Ok(Self { store, root, prefix })
    }

    fn local(folder: &FsPath) -> Result<Self, LocationError> {
        let existing = folder
            .canonicalize()
            .map_err(|_| LocationError::NoSuchFolder(folder.to_owned()))?;
        let prefix = Path::from_absolute_path(&existing).map_err(|error| LocationError::Malformed {
            text: folder.display().to_string(),
            reason: error.to_string(),
        })?;
        let root = Url::parse("file:///").map_err(|error| LocationError::Malformed {
            text: folder.display().to_string(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            store: Arc::new(LocalFileSystem::new()),
            root,
            prefix,
        })
    }

    /// The folder `path`, which may be relative to this one, absolute, or a URL.
    ///
    /// # Errors
    /// The text is neither a path nor a URL of a known store, or `..` in it leads to a folder that does not exist, or stands in
    /// a path of a store, which has none.
    pub fn resolve(&self, path: &str) -> Result<Self, LocationError> {
        if path.contains("://") || path.starts_with('/') {
            return Self::parse(path);
        }
        let parts = || path.split('/').filter(|part| !part.is_empty() && *part != ".");
        if self.is_local() && parts().any(|part| part == "..") {
            return Self::parse(&format!("{self}/{path}"));
        }
        // Names are as they are, so none of their characters is encoded.
        let below = parts().map(PathPart::parse).collect::<Result<Vec<_>, _>>();
        let below = below.map_err(|error| LocationError::Malformed {
            text: path.to_owned(),
            reason: error.to_string(),
        })?;
        let mut folder = self.clone();
        folder.prefix = self.prefix.parts().chain(below).collect();
        Ok(folder)
    }

    /// True for a folder on this machine.
    pub fn is_local(&self) -> bool {
        self.root.scheme() == "file"
    }

    /// The object at `path` in this store as a file path or a URL, for messages.
    pub fn display(&self, path: &Path) -> String {
        displayed(self.root.as_str(), path)
    }
}

/// The object at `path` in the store with the root URL `root`, as a file path or a URL, for messages.
pub fn displayed(root: &str, path: &Path) -> String {
    match root.starts_with("file:") {
        true => format!("/{path}"),
        false => format!("{root}{path}"),
    }
}

/// The root URL of a store: the URL without its path.
pub fn store_root(url: &Url) -> Url {
    let mut root = url.clone();
    root.set_path("/");
    root.set_query(None);
    root
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display(&self.prefix))
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_file_url_are_the_same_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let spaced = folder.path().join("nightly exports ज़िला");
        std::fs::create_dir(&spaced).expect("a folder");
        let by_path = Location::parse(&spaced.display().to_string()).expect("a location");
        let url = Url::from_directory_path(&spaced).expect("a URL");
        let by_url = Location::parse(url.as_str()).expect("a location");
        assert_eq!(by_path.prefix, by_url.prefix);
        assert!(by_path.is_local());
    }

    #[test]
    fn a_relative_path_is_taken_as_it_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Location::parse(&folder.path().display().to_string()).expect("a location");
        for name in ["batches~2", "b{1}", "b%20x", "b#1", "raw/course batch"] {
            let below = root.resolve(name).expect("a location");
            assert_eq!(below.to_string(), format!("{root}/{name}"));
        }
        assert_eq!(
            root.resolve("./raw//users/").expect("a location").to_string(),
            format!("{root}/raw/users")
        );
        std::fs::create_dir(folder.path().join("exports")).expect("a folder");
        let exports = root.resolve("exports").expect("a location");
        assert_eq!(
            exports.resolve("../exports").expect("a location").prefix,
            exports.prefix
        );
        let missing = exports.resolve("../others").expect_err("there is none").to_string();
        assert!(missing.contains("does not exist"), "{missing}");
        let mut store = root.clone();
        store.root = Url::parse("s3://bucket/").expect("a URL");
        let above = store
            .resolve("../others")
            .expect_err("stores have no such folder")
            .to_string();
        assert!(above.contains("'../others'"), "{above}");
    }

    #[test]
    fn a_missing_folder_and_an_unknown_scheme_are_named() {
        let missing = Location::parse("/no/such/folder").expect_err("missing").to_string();
        assert!(missing.contains("/no/such/folder"), "{missing}");
        let unknown = Location::parse("ftp://host/x").expect_err("unknown").to_string();
        assert!(unknown.contains("ftp://host/x"), "{unknown}");
        for secret in [
            "ftp://asha:geheim@host?sig=geheim",
            "s3://geheim@host:99999/x?sig=geheim",
        ] {
            let message = Location::parse(secret).expect_err("a mistake").to_string();
            assert!(message.contains("://") && !message.contains("geheim"), "{message}");
        }
    }
}
