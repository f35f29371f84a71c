//! Whether the files that the configuration names are there and can be read.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{Config, ConfigError};

impl Config {
    /// Checks what loading alone does not: that the files and folders that settings name can be read, and that settings
    /// that go together are given together.
    ///
    /// # Errors
    /// Names the first setting that cannot be used.
    pub fn check_files(&self) -> Result<(), ConfigError> {
        for (setting, folder) in [("queries", &self.queries), ("mail.templates", &self.mail.templates)] {
            if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_dir()) {
                return Err(unusable(setting, folder, "there is no such folder".to_owned()));
            }
        }
        for (setting, path) in self.named_files() {
            readable(path).map_err(|reason| unusable(setting, path, reason))?;
        }
        self.cluster.options()?;
        self.cluster.tls()?;
        self.serve.tls()?;
        self.postgres.tls()?;
        self.opentelemetry.headers()?;
        Ok(())
    }

    /// The settings that name a file, with what they name.
    fn named_files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let dkim_key = self.mail.dkim.as_ref().map(|dkim| &dkim.key_file);
        let settings: [(&'static str, Option<&PathBuf>); 17] = [
            ("cluster.tls_authorities", self.cluster.tls_authorities.as_ref()),
            ("cluster.tls_certificate", self.cluster.tls_certificate.as_ref()),
            ("cluster.tls_key", self.cluster.tls_key.as_ref()),
            ("serve.tls_certificate", self.serve.tls_certificate.as_ref()),
            ("serve.tls_key", self.serve.tls_key.as_ref()),
            ("serve.link_key_file", self.serve.link_key_file.as_ref()),
            ("sign_in.client_secret_file", self.sign_in.client_secret_file.as_ref()),
            ("postgres.users", self.postgres.users.as_ref()),
            ("postgres.tls_certificate", self.postgres.tls_certificate.as_ref()),
            ("postgres.tls_key", self.postgres.tls_key.as_ref()),
            ("database.url_file", self.database.url_file.as_ref()),
            ("identity.ca_file", self.identity.ca_file.as_ref()),
            ("mail.password_file", self.mail.password_file.as_ref()),
            ("mail.ca_file", self.mail.ca_file.as_ref()),
            ("mail.zip_password_file", self.mail.zip_password_file.as_ref()),
            ("mail.dkim.key_file", dkim_key),
            ("opentelemetry.headers_file", self.opentelemetry.headers_file.as_ref()),
        ];
        let given = settings.into_iter();
        given.filter_map(|(setting, path)| Some((setting, path?.as_path())))
    }
}

/// Whether a file can be read; the reason where it cannot.
fn readable(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let kind = file.metadata().map_err(|error| error.to_string())?;
    if kind.is_dir() {
        return Err("it is a folder".to_owned());
    }
    Ok(())
}

fn unusable(setting: &'static str, path: &Path, reason: String) -> ConfigError {
    ConfigError::NamedFile {
        setting,
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.check_files().expect_err("a mistake").to_string()
    }

    #[test]
    fn the_setting_of_a_missing_file_is_named() {
        assert!(Config::default().check_files().is_ok());
        let folder = tempfile::tempdir().expect("a folder");
        let is_folder = complaint(|config| config.mail.ca_file = Some(folder.path().to_owned()));
        assert!(is_folder.contains("mail.ca_file names") && is_folder.contains("it is a folder"));
        let missing = complaint(|config| config.postgres.users = Some("/no/such/users.toml".into()));
        assert!(
            missing.contains("postgres.users names /no/such/users.toml"),
            "{missing}"
        );
        let queries = complaint(|config| config.queries = Some("/no/such/queries".into()));
        assert!(queries.contains("queries names /no/such/queries"), "{queries}");
        let templates = complaint(|config| config.mail.templates = Some("/no/such/mails".into()));
        assert!(templates.contains("mail.templates names /no/such/mails"), "{templates}");
        let ca_file = complaint(|config| config.identity.ca_file = Some("/no/such/ca.pem".into()));
        assert!(ca_file.contains("identity.ca_file names /no/such/ca.pem"), "{ca_file}");
    }

    #[test]
    fn half_a_pair_is_refused() {
        let message = complaint(|config| config.serve.tls_key = Some("Cargo.toml".into()));
        assert!(message.contains("serve.tls_certificate"), "{message}");
    }
}
