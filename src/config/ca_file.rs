//! Certificate authorities of a site's own, from a PEM file: trusted beside the system's.

use std::fs;
use std::io;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

/// The byte-order mark, which text editors may put before the first line of a UTF-8 file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file of certificate authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum CaFileError {
    #[error("{0}")]
    Unreadable(#[source] io::Error),
    #[error("it is not PEM: {0}")]
    Pem(#[source] pem::Error),
    #[error("it holds no certificate (-----BEGIN CERTIFICATE-----)")]
    Empty,
    #[error("its certificate {number} is of no use as an authority: {source}")]
    Certificate { number: usize, source: rustls::Error },
}

/// The certificates of a PEM file, in its order; text around them and other PEM sections are passed over.
///
/// # Errors
///
/// Where the file cannot be read, holds no certificate, or one that cannot be an authority.
pub fn ca_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CaFileError> {
    let text = fs::read(path).map_err(CaFileError::Unreadable)?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(CaFileError::Pem)?;
    if certificates.is_empty() {
        return Err(CaFileError::Empty);
    }
    let mut store = RootCertStore::empty();
    for (index, certificate) in certificates.iter().enumerate() {
        let number = index + 1;
        store
            .add(certificate.clone())
            .map_err(|source| CaFileError::Certificate { number, source })?;
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    fn authority() -> String {
        let key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.self_signed(&key).expect("a certificate").pem()
    }

    fn read(text: &[u8]) -> Result<usize, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ca.pem");
        fs::write(&path, text).expect("written");
        let certificates = ca_certificates(&path);
        certificates.map(|all| all.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn several_certificates_with_text_around_them_are_read() {
        let (first, second) = (authority(), authority());
        let key = KeyPair::generate().expect("a key").serialize_pem();
        assert_eq!(read(first.as_bytes()), Ok(1));
        let bag = format!("Certificate:\n    Data:\n{first}\n# the second one\n{key}{second}the end");
        assert_eq!(read(bag.as_bytes()), Ok(2));
        assert_eq!(read(bag.replace('\n', "\r\n").as_bytes()), Ok(2));
        assert_eq!(read(&[BYTE_ORDER_MARK, first.as_bytes()].concat()), Ok(1));
    }

    #[test]
    fn what_is_no_authority_is_refused_with_its_place() {
        let good = authority();
        let empty = read(b"").expect_err("empty");
        assert!(empty.contains("no certificate"), "{empty}");
        let broken = format!("{good}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        let broken = read(broken.as_bytes()).expect_err("broken");
        assert!(broken.contains("certificate 2"), "{broken}");
        assert!(read(b"-----BEGIN CERTIFICATE-----\nAAAA\n").is_err());
        assert!(matches!(
            ca_certificates(Path::new("/nowhere/ca.pem")),
            Err(CaFileError::Unreadable(_))
        ));
    }
}
