//! Servers of the issuer's keys: with certificates of all kinds of authorities, and in all kinds of trouble.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use pragati::config::IdentityConfig;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_ED25519,
};
use rsa::pkcs8::EncodePrivateKey;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use serde_json::json;
use tempfile::TempDir;

use super::{explained, explained_with};
use crate::token_issuer::TokenIssuer;

/// A certificate authority, and a server's certificate of it for this machine.
struct Authority {
    pem: String,
    server: String,
    server_key: String,
}

impl Authority {
    fn new(key: KeyPair) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = authority.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(authority, key);
        let server_key = KeyPair::generate().expect("a key");
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
        let server = server.signed_by(&server_key, &issuer).expect("a certificate");
        Self {
            pem,
            server: server.pem(),
            server_key: server_key.serialize_pem(),
        }
    }

    /// One whose root is of X.509 version 1, as old tools make them.
    fn of_version_1() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v1_root");
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect("a file");
        Self {
            pem: read("root.pem"),
            server: read("server.pem"),
            server_key: read("server.key"),
        }
    }

    fn settings(&self) -> Arc<ServerConfig> {
        let chain = CertificateDer::pem_slice_iter(self.server.as_bytes());
        let chain = chain.collect::<Result<Vec<_>, _>>().expect("a chain");
        let key = PrivateKeyDer::from_pem_slice(self.server_key.as_bytes()).expect("a key");
        let settings = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate and its key");
        Arc::new(settings)
    }
}

/// Answers every request with the document, over TLS, as long as the test runs.
fn serve(authority: &Authority, document: String) -> SocketAddr {
    let settings = authority.settings();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut connection = ServerConnection::new(Arc::clone(&settings)).expect("a connection");
            let mut tls = rustls::Stream::new(&mut connection, &mut stream);
            let mut request = [0; 4096];
            // A client that does not trust the certificate leaves.
            if tls.read(&mut request).is_err() {
                continue;
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                document.len()
            );
            let _ = tls.write_all(format!("{head}{document}").as_bytes());
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    });
    address
}

/// Settings that fetch the keys at an address.
fn settings_of(issuer: &TokenIssuer, address: SocketAddr, ca_file: Option<PathBuf>) -> IdentityConfig {
    IdentityConfig {
        jwks: Some(format!("https://{address}/keys")),
        ca_file,
        ..issuer.settings()
    }
}

fn keys_of(issuer: &TokenIssuer) -> String {
    json!({"keys": [issuer.key.public()]}).to_string()
}

/// The line of a token's key, and the exit code.
fn key_line(settings: &IdentityConfig, token: &str) -> (String, i32) {
    let (table, code, _) = explained(settings, token);
    let line = table.lines().find(|line| line.starts_with("key  ")).expect("a line");
    (line.to_owned(), code)
}

#[test]
fn authorities_of_every_kind_are_trusted_when_their_certificates_are_given() {
    let issuer = TokenIssuer::new();
    let token = issuer.token("mentor", &[]);
    let rsa = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).expect("a key");
    let rsa = KeyPair::try_from(rsa.to_pkcs8_der().expect("DER").as_bytes()).expect("a key");
    let generate = |algorithm| KeyPair::generate_for(algorithm).expect("a key");
    let authorities = [
        ("RSA", Authority::new(rsa)),
        ("P-256", Authority::new(generate(&PKCS_ECDSA_P256_SHA256))),
        ("P-384", Authority::new(generate(&PKCS_ECDSA_P384_SHA384))),
        ("Ed25519", Authority::new(generate(&PKCS_ED25519))),
        ("version 1", Authority::of_version_1()),
    ];
    let folder = TempDir::new().expect("a folder");
    // All in one file, with text around them, as distributions bundle them.
    let texts = authorities
        .iter()
        .map(|(name, authority)| format!("# {name}\n{}", authority.pem));
    let bundle = folder.path().join("bundle.pem");
    fs::write(&bundle, texts.collect::<Vec<_>>().join("and now\n\n")).expect("written");
    for (name, authority) in &authorities {
        let alone = folder.path().join("alone.pem");
        fs::write(&alone, &authority.pem).expect("written");
        let address = serve(authority, keys_of(&issuer));
        for ca_file in [&alone, &bundle] {
            let (line, code) = key_line(&settings_of(&issuer, address, Some(ca_file.clone())), &token);
            assert_eq!(code, 0, "{name}: {line}");
        }
        let (line, code) = key_line(&settings_of(&issuer, address, None), &token);
        assert_eq!(code, 1, "{name}: {line}");
        assert_eq!(
            line,
            "key         FAILS     the issuer's keys are not available: JWKS: the server's certificate is not trusted: an \
             authority that is not known signed it; name that authority's certificate in identity.ca_file",
            "{name}"
        );
    }
}

#[test]
fn a_certificate_for_another_name_is_reported() {
    let issuer = TokenIssuer::new();
    let authority = Authority::new(KeyPair::generate().expect("a key"));
    let folder = TempDir::new().expect("a folder");
    let ca_file = folder.path().join("ca.pem");
    fs::write(&ca_file, &authority.pem).expect("written");
    let address = serve(&authority, keys_of(&issuer));
    let mut settings = settings_of(&issuer, address, Some(ca_file));
    settings.jwks = Some(format!("https://localhost:{}/keys", address.port()));
    let (line, code) = key_line(&settings, &issuer.token("mentor", &[]));
    assert_eq!(code, 1, "{line}");
    assert!(line.contains("the server's certificate is not trusted"), "{line}");
    assert!(line.contains("localhost"), "{line}");
}

#[test]
fn closed_ports_silent_servers_and_odd_answers_have_different_messages() {
    let issuer = TokenIssuer::new();
    let token = issuer.token("mentor", &[]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = listener.local_addr().expect("an address");
    let (line, code) = key_line(&settings_of(&issuer, silent, None), &token);
    assert_eq!(code, 1, "{line}");
    assert!(
        line.contains("it timed out: there was no whole answer within 5 seconds"),
        "{line}"
    );
    drop(listener);
    let (line, code) = key_line(&settings_of(&issuer, silent, None), &token);
    assert_eq!(code, 1, "{line}");
    assert!(line.contains("the connection is refused"), "{line}");

    let authority = Authority::new(KeyPair::generate().expect("a key"));
    let folder = TempDir::new().expect("a folder");
    let ca_file = folder.path().join("ca.pem");
    fs::write(&ca_file, &authority.pem).expect("written");
    let page = serve(&authority, "<html>Log in</html>".to_owned());
    let (line, code) = key_line(&settings_of(&issuer, page, Some(ca_file)), &token);
    assert_eq!(code, 1, "{line}");
    assert!(line.contains("not a JSON Web Key Set"), "{line}");
}

#[test]
fn a_ca_file_that_is_none_is_refused_with_its_name() {
    let issuer = TokenIssuer::new();
    let folder = TempDir::new().expect("a folder");
    let ca_file = folder.path().join("ca.pem");
    fs::write(&ca_file, "no certificate").expect("written");
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let settings = settings_of(&issuer, address, Some(ca_file.clone()));
    let (_, code, last) = explained(&settings, &issuer.token("mentor", &[]));
    assert_eq!(code, 1);
    assert!(last.contains(&ca_file.display().to_string()), "{last}");
    assert!(last.contains("it holds no certificate"), "{last}");
}

#[test]
fn keys_of_this_machine_are_not_fetched_through_a_proxy() {
    let issuer = TokenIssuer::new();
    let document = keys_of(&issuer);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            if stream.read(&mut request).is_err() {
                continue;
            }
            let length = document.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(format!("{head}{document}").as_bytes());
        }
    });
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let proxy = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    let mut settings = settings_of(&issuer, address, None);
    settings.jwks = Some(format!("http://{address}/keys"));
    let names = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let mut more = names.map(|name| (name, proxy.as_str())).to_vec();
    more.extend([("NO_PROXY", ""), ("no_proxy", "")]);
    let (table, code, last) = explained_with(&settings, &issuer.token("mentor", &[]), &more);
    assert_eq!(code, 0, "{table}{last}");
}
