//! A certificate of `localhost` that it has signed itself, for the tests of TLS.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{CertifiedKey, generate_simple_self_signed};

/// The files of a new certificate and its key, in `folder`.
pub fn certificate_in(folder: &Path) -> (PathBuf, PathBuf) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs::write(&certificate, cert.pem()).expect("written");
    fs::write(&key, signing_key.serialize_pem()).expect("written");
    (certificate, key)
}
