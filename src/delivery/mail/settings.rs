//! The settings of `[mail]`, checked at start and parsed for sending.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use lettre::message::dkim::{
    DkimCanonicalization, DkimCanonicalizationType, DkimConfig as DkimSigner, DkimSigningAlgorithm, DkimSigningKey,
};
use lettre::message::header::HeaderName;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use super::address;
use super::attachment::AttachmentRules;
use super::smtp::{Credentials, Security, Server, Tls};
use crate::config::{ConfigError, DkimConfig, MailConfig, Secret, ca_certificates};
use crate::delivery::request::RequestId;

/// How mails are written and where they go.
pub(super) struct Settings {
    pub server: Server,
    pub login: Option<Credentials>,
    /// The time that the server may take for an answer.
    pub timeout: Duration,
    pub sender: Sender,
    pub attachments: AttachmentRules,
}

/// The sender of mails.
pub(super) struct Sender {
    pub from: Mailbox,
    pub reply_to: Option<Mailbox>,
    pub bounces: Bounces,
    pub dkim: Option<DkimSigner>,
}

/// The envelope sender, to which bounces go.
pub(super) enum Bounces {
    /// The address of the From header.
    From,
    /// One address for all mails.
    One(Address),
    /// An address for each request: this text, with the request's id in the place of [`ID`].
    OfRequest(String),
}

/// The placeholder for a request's id in `mail.bounce_address`.
const ID: &str = "{id}";

impl Sender {
    /// The address to which a mail of the request goes back when it does not arrive.
    pub fn envelope_sender(&self, request: RequestId) -> Address {
        match &self.bounces {
            Bounces::From => self.from.email.clone(),
            Bounces::One(address) => address.clone(),
            // It is a valid address with one id, and therefore with any.
            Bounces::OfRequest(text) => address_of_request(text, request).unwrap_or_else(|| self.from.email.clone()),
        }
    }
}

impl Settings {
    /// Checks the settings; `None` where no mail server is set.
    pub fn new(config: &MailConfig) -> Result<Option<Self>, ConfigError> {
        let Some(url) = &config.server else { return Ok(None) };
        if config.timeout_seconds == 0 {
            return Err(invalid(
                "mail.timeout_seconds is 0; give the server some seconds for an answer",
            ));
        }
        let from = config.from.as_deref().ok_or_else(|| {
            invalid("mail.server is set and mail.from is not; give the sender, such as `Pragati <reports@example.org>`")
        })?;
        let reply_to = config.reply_to.as_deref();
        Ok(Some(Self {
            server: Server {
                helo_name: helo_name(config)?,
                ..server(url, config.ca_file.as_deref())?
            },
            login: login(config)?,
            timeout: config.timeout(),
            sender: Sender {
                from: mailbox("mail.from", from)?,
                reply_to: reply_to.map(|text| mailbox("mail.reply_to", text)).transpose()?,
                bounces: bounces(config.bounce_address.as_deref())?,
                dkim: config.dkim.as_ref().map(dkim_signer).transpose()?,
            },
            attachments: AttachmentRules {
                max_bytes: config.max_attachment.as_u64(),
                zip_password: zip_password(config)?,
            },
        }))
    }
}

/// The server that the URL names.
fn server(text: &str, ca_file: Option<&Path>) -> Result<Server, ConfigError> {
    // Messages do not repeat the URL, which may contain a password by mistake.
    const FORMS: &str = "write smtp://HOST:587 (STARTTLS), smtps://HOST:465 (TLS) or smtp+plain://127.0.0.1:25";
    let url = Url::parse(text).map_err(|reason| invalid(format!("mail.server is no URL: {reason}; {FORMS}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "mail.server holds a login; give it as mail.user and mail.password_file",
        ));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(invalid(format!("mail.server has something after its port; {FORMS}")));
    }
    let host = match url.host() {
        Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        _ => return Err(invalid(format!("mail.server names no host; {FORMS}"))),
    };
    let port_or = |default| url.port().unwrap_or(default);
    let (port, security) = match url.scheme() {
        "smtp" => (port_or(587), Security::StartTls(tls(&host, ca_file)?)),
        "smtps" => (port_or(465), Security::Tls(tls(&host, ca_file)?)),
        "smtp+plain" => (port_or(25), Security::Loopback(loopback_addresses(&host, port_or(25))?)),
        other => return Err(invalid(format!("mail.server cannot speak '{other}'; {FORMS}"))),
    };
    Ok(Server {
        host,
        port,
        security,
        helo_name: None,
    })
}

/// The addresses of a host that is this machine. Names other than `localhost` are not looked up: a DNS
/// answer could be forged.
fn loopback_addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, ConfigError> {
    let ips = match host.parse::<IpAddr>() {
        Ok(ip) if ip.is_loopback() => vec![ip],
        Err(_) if host.eq_ignore_ascii_case("localhost") => {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        }
        _ => {
            return Err(invalid(format!(
                "mail.server would send reports unprotected to {host}; use smtp:// or smtps://, smtp+plain:// is for 127.0.0.1 alone"
            )));
        }
    };
    Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}

fn tls(host: &str, ca_file: Option<&Path>) -> Result<Tls, ConfigError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = ca_file {
        let unusable = |reason: &dyn fmt::Display| {
            invalid(format!(
                "mail.ca_file {} cannot be used: {reason}; give a PEM file with a certificate",
                path.display()
            ))
        };
        for certificate in ca_certificates(path).map_err(|error| unusable(&error))? {
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|error| {
        invalid(format!(
            "mail.server names a host that no certificate can be for: {error}"
        ))
    })?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid(format!("TLS for mail.server cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Tls::new(name, config))
}

/// The name in EHLO: the configured one, or this machine's where it is fully qualified, because servers refuse others.
fn helo_name(config: &MailConfig) -> Result<Option<String>, ConfigError> {
    if let Some(name) = &config.helo_name {
        if !is_helo_name(name) {
            return Err(invalid(
                "mail.helo_name is no name that a mail server can be told; give a host's full name, such as reports.example.org, \
                 or its address in brackets",
            ));
        }
        return Ok(Some(name.clone()));
    }
    let own = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    Ok(own.filter(|name| is_qualified(name)))
}

fn is_helo_name(name: &str) -> bool {
    let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    match literal {
        Some(address) => address
            .strip_prefix("IPv6:")
            .unwrap_or(address)
            .parse::<IpAddr>()
            .is_ok(),
        None => is_host_name(name),
    }
}

/// Whether it is a fully qualified host name, and not a local one.
fn is_qualified(name: &str) -> bool {
    let is_local = name.ends_with(".local") || name.ends_with(".localdomain") || name.ends_with(".internal");
    is_host_name(name) && name.contains('.') && !is_local && name.parse::<IpAddr>().is_err()
}

fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn login(config: &MailConfig) -> Result<Option<Credentials>, ConfigError> {
    match (&config.user, config.password()?) {
        (Some(user), Some(password)) => Ok(Some(Credentials {
            user: user.clone(),
            password,
        })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(invalid(
            "mail.user has no password; give mail.password_file or PRAGATI_MAIL__PASSWORD",
        )),
        (None, Some(_)) => Err(invalid("a mail password is given without mail.user; give both or none")),
    }
}

fn zip_password(config: &MailConfig) -> Result<Option<Secret>, ConfigError> {
    let password = config.zip_password()?;
    if password.as_ref().is_some_and(|password| password.reveal().is_empty()) {
        return Err(invalid(
            "mail.zip_password is empty; give one, or leave it out to send reports without",
        ));
    }
    Ok(password)
}

fn mailbox(option: &str, text: &str) -> Result<Mailbox, ConfigError> {
    let unusable = || {
        invalid(format!(
            "{option} is not an address that mails can have; write it as `Pragati <reports@example.org>`"
        ))
    };
    if text.chars().any(super::plain::is_invisible) {
        return Err(unusable());
    }
    let mailbox: Mailbox = text.parse().map_err(|_| unusable())?;
    let email: Address = address::for_mail(mailbox.email.as_ref()).ok_or_else(unusable)?;
    Ok(Mailbox::new(mailbox.name, email))
}

fn bounces(text: Option<&str>) -> Result<Bounces, ConfigError> {
    let Some(text) = text else { return Ok(Bounces::From) };
    let unusable = || {
        invalid(
            "mail.bounce_address is not an address that mails can go back to; write it as bounces@example.org, or \
             bounces+{id}@example.org for one of each request",
        )
    };
    if !text.contains(ID) {
        return address::for_mail(text).map(Bounces::One).ok_or_else(unusable);
    }
    let (before, after) = text.split_once(ID).ok_or_else(unusable)?;
    let ends_the_local_part = after.starts_with('@') && !before.contains('@');
    if !ends_the_local_part || address_of_request(text, RequestId::new()).is_none() {
        return Err(unusable());
    }
    Ok(Bounces::OfRequest(text.to_owned()))
}

fn address_of_request(text: &str, request: RequestId) -> Option<Address> {
    address::for_mail(&text.replace(ID, &request.compact()))
}

/// Signs the headers that a reader sees and the body. The canonicalisation is relaxed, since relays fold headers and
/// trim lines.
fn dkim_signer(config: &DkimConfig) -> Result<DkimSigner, ConfigError> {
    let path = config.key_file.display();
    let pem = fs::read_to_string(&config.key_file).map_err(|error| ConfigError::SecretFile {
        path: config.key_file.clone(),
        reason: error.to_string(),
    })?;
    let key = DkimSigningKey::new(&pem, DkimSigningAlgorithm::Rsa).map_err(|_| {
        invalid(format!(
            "mail.dkim.key_file {path} holds no RSA key in PKCS#1 form (BEGIN RSA PRIVATE KEY); convert it with `openssl rsa -traditional`"
        ))
    })?;
    let is_name = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_'))
    };
    if !is_name(&config.selector) || !is_name(&config.domain) {
        return Err(invalid(
            "mail.dkim needs a selector and a domain as they stand in the DNS",
        ));
    }
    let signed = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
    ];
    let relaxed = DkimCanonicalization {
        header: DkimCanonicalizationType::Relaxed,
        body: DkimCanonicalizationType::Relaxed,
    };
    Ok(DkimSigner::new(
        config.selector.clone(),
        config.domain.clone(),
        key,
        signed.map(HeaderName::new_from_ascii_str).to_vec(),
        relaxed,
    ))
}

fn invalid(reason: impl Into<String>) -> ConfigError {
    ConfigError::Invalid(reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(server: &str) -> MailConfig {
        MailConfig {
            server: Some(server.to_owned()),
            from: Some("Pragati <reports@example.org>".to_owned()),
            ..MailConfig::default()
        }
    }

    fn complaint(config: &MailConfig) -> String {
        let error = Settings::new(config).err().expect("an error").to_string();
        assert!(!error.contains('\n'), "{error}");
        error
    }

    fn server(url: &str) -> Server {
        let settings = Settings::new(&config(url)).expect("a good server");
        settings.expect("a server").server
    }

    #[test]
    fn without_a_server_there_is_no_mail() {
        assert!(Settings::new(&MailConfig::default()).expect("no mistake").is_none());
    }

    #[test]
    fn the_scheme_says_how_the_connection_is_kept_private() {
        let starttls = server("smtp://mail.example.org");
        assert!(matches!(starttls.security, Security::StartTls(_)));
        assert_eq!(starttls.to_string(), "mail.example.org:587");
        let tls = server("smtps://mail.example.org:4650");
        assert!(matches!(tls.security, Security::Tls(_)));
        assert_eq!(tls.to_string(), "mail.example.org:4650");
    }

    #[test]
    fn plain_text_stays_on_the_machine() {
        for (url, expected) in [
            ("smtp+plain://127.0.0.1:2525", vec!["127.0.0.1:2525"]),
            ("smtp+plain://127.9.9.9", vec!["127.9.9.9:25"]),
            ("smtp+plain://[::1]:2525", vec!["[::1]:2525"]),
            ("smtp+plain://localhost:2525", vec!["127.0.0.1:2525", "[::1]:2525"]),
        ] {
            let Security::Loopback(addresses) = server(url).security else {
                panic!("{url}")
            };
            let written: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            assert_eq!(written, expected, "{url}");
        }
        for url in [
            "smtp+plain://mail.example.org:25",
            "smtp+plain://10.0.0.1",
            "smtp+plain://0.0.0.0",
            "smtp+plain://localhost.example.org",
            "smtp+plain://127.0.0.1.example.org",
            "smtp+plain://[2001:db8::1]",
        ] {
            assert!(complaint(&config(url)).contains("unprotected"), "{url}");
        }
    }

    #[test]
    fn bounces_go_to_the_configured_address() {
        let id: RequestId = "019398a1-0000-7000-8000-000000000001".parse().expect("an id");
        for (bounce_address, expected) in [
            (None, "reports@example.org"),
            (Some("bounces@example.org"), "bounces@example.org"),
            (
                Some("bounces+{id}@example.org"),
                "bounces+019398a1000070008000000000000001@example.org",
            ),
        ] {
            let config = MailConfig {
                bounce_address: bounce_address.map(str::to_owned),
                ..config("smtp+plain://127.0.0.1")
            };
            let settings = Settings::new(&config).expect("good settings").expect("a server");
            assert_eq!(settings.sender.envelope_sender(id).to_string(), expected);
        }
    }

    #[test]
    fn the_configured_name_is_sent_in_ehlo() {
        for name in ["reports.example.org", "[192.0.2.7]", "[IPv6:2001:db8::1]", "localhost"] {
            let config = MailConfig {
                helo_name: Some(name.to_owned()),
                ..config("smtp+plain://127.0.0.1")
            };
            assert_eq!(helo_name(&config).expect("a name").as_deref(), Some(name));
        }
        for bad in ["", "a b", "[nonsense]", "a..b", "x\r\nRCPT TO:<m@example.org>"] {
            assert!(!is_helo_name(bad), "{bad:?}");
        }
        for (name, expected) in [
            ("reports.example.org", true),
            ("a1b2c3d4", false),
            ("laptop.local", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(is_qualified(name), expected, "{name}");
        }
    }

    #[test]
    fn mistakes_are_one_line_that_says_what_to_do() {
        for (url, expected) in [
            ("mail.example.org:587", "smtp://HOST:587"),
            ("http://mail.example.org", "cannot speak 'http'"),
            ("smtp://", "names no host"),
            ("smtp://mail.example.org/inbox", "after its port"),
            ("smtp://asha:geheim@mail.example.org", "mail.user"),
        ] {
            let complaint = complaint(&config(url));
            assert!(complaint.contains(expected), "{complaint}");
            assert!(!complaint.contains("geheim"), "{complaint}");
        }
        let good = config("smtp://mail.example.org");
        for (config, expected) in [
            (
                MailConfig {
                    from: None,
                    ..good.clone()
                },
                "mail.from",
            ),
            (
                MailConfig {
                    from: Some("Pragati".to_owned()),
                    ..good.clone()
                },
                "mail.from",
            ),
            (
                MailConfig {
                    from: Some("a@b.org\r\nBcc: c@d.org".to_owned()),
                    ..good.clone()
                },
                "mail.from",
            ),
            (
                MailConfig {
                    reply_to: Some("a@b.org, c@d.org".to_owned()),
                    ..good.clone()
                },
                "mail.reply_to",
            ),
            (
                MailConfig {
                    user: Some("asha".to_owned()),
                    ..good.clone()
                },
                "no password",
            ),
            (
                MailConfig {
                    password: Some("geheim".to_owned().into()),
                    ..good.clone()
                },
                "without mail.user",
            ),
            (
                MailConfig {
                    ca_file: Some("/nowhere/ca.pem".into()),
                    ..good.clone()
                },
                "/nowhere/ca.pem",
            ),
            (
                MailConfig {
                    ca_file: Some("Cargo.toml".into()),
                    ..good.clone()
                },
                "no certificate",
            ),
            (
                MailConfig {
                    zip_password: Some(String::new().into()),
                    ..good.clone()
                },
                "mail.zip_password",
            ),
            (
                MailConfig {
                    bounce_address: Some("{id}+bounces@example.org".to_owned()),
                    ..good.clone()
                },
                "mail.bounce_address",
            ),
            (
                MailConfig {
                    helo_name: Some("reports example".to_owned()),
                    ..good.clone()
                },
                "mail.helo_name",
            ),
            (
                MailConfig {
                    timeout_seconds: 0,
                    ..good.clone()
                },
                "mail.timeout_seconds",
            ),
        ] {
            let complaint = complaint(&config);
            assert!(complaint.contains(expected), "{complaint}");
        }
    }
}
