//! Who may log in with a password, and what each sees: the private file of `postgres.users`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;
use tokio::sync::watch;

use super::scram_secret::ScramSecret;
use crate::catalog::Visibility;
use crate::ids::TenantId;

/// A users file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    #[error("postgres.users: {} cannot be read: {reason}; check its path and permissions", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("postgres.users: others than its owner can read {}; make it private with chmod 600", path.display())]
    Public { path: PathBuf },
    #[error("postgres.users: {}: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
}

/// The users file, which is read again when it changes.
#[derive(Debug)]
pub struct AccountsFile {
    /// `None` where no user has a password.
    path: Option<PathBuf>,
    current: RwLock<Arc<Accounts>>,
    changes: watch::Sender<()>,
}

/// The users of the file, by name.
#[derive(Debug, Default, PartialEq)]
pub struct Accounts(BTreeMap<String, Account>);

/// One user.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    pub secret: ScramSecret,
    pub visibility: Visibility,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    users: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    password: String,
    tenants: Option<BTreeSet<TenantId>>,
    #[serde(default)]
    all_tenants: bool,
    #[serde(default)]
    personal: bool,
}

impl AccountsFile {
    /// Reads the file, if there is one.
    pub fn open(path: Option<&Path>) -> Result<Self, AccountsError> {
        let accounts = path.map(Accounts::read).transpose()?;
        Ok(Self {
            path: path.map(Path::to_owned),
            current: RwLock::new(Arc::new(accounts.unwrap_or_default())),
            changes: watch::Sender::new(()),
        })
    }

    /// The accounts, as the file was when it was last read.
    pub fn current(&self) -> Arc<Accounts> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A channel that announces each change of the file.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Reads the file again. Where it cannot be used, the accounts that were read before stay.
    pub fn refresh(&self) -> Result<(), AccountsError> {
        let Some(path) = &self.path else { return Ok(()) };
        let accounts = Accounts::read(path)?;
        if *self.current() != accounts {
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(accounts);
            self.changes.send_replace(());
            tracing::info!("{} has changed, and holds from now on", path.display());
        }
        Ok(())
    }
}

impl Accounts {
    /// Reads the file, which its owner alone may read.
    fn read(path: &Path) -> Result<Self, AccountsError> {
        let unreadable = |error: std::io::Error| AccountsError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(AccountsError::Public { path: path.to_owned() });
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text).map_err(|reason| AccountsError::Malformed {
            path: path.to_owned(),
            reason,
        })
    }

    /// The user of that name.
    pub fn get(&self, name: &str) -> Option<&Account> {
        self.0.get(name)
    }

    /// The visibility of each user.
    pub fn visibilities(&self) -> impl Iterator<Item = &Visibility> {
        self.0.values().map(|account| &account.visibility)
    }

    fn parse(text: &str) -> Result<Self, String> {
        // The parser's own message would show the line, and with it the secret.
        let file: File = toml::from_str(text).map_err(|error| error.message().trim().to_owned())?;
        let accounts = file.users.into_iter().map(|(name, entry)| {
            let account = entry.account().map_err(|reason| format!("user {name}: {reason}"))?;
            Ok((name, account))
        });
        Ok(Self(accounts.collect::<Result<_, String>>()?))
    }
}

impl Entry {
    fn account(self) -> Result<Account, String> {
        let tenants = match (self.tenants, self.all_tenants) {
            (Some(tenants), false) if !tenants.is_empty() => Some(tenants),
            (None, true) => None,
            _ => return Err("give either tenants = [\"…\"] or all_tenants = true".to_owned()),
        };
        Ok(Account {
            secret: self.password.parse().map_err(|error| format!("{error}"))?,
            visibility: Visibility {
                tenants,
                personal: self.personal,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> String {
        ScramSecret::of_password("pencil").to_string()
    }

    #[test]
    fn a_user_sees_tenants_or_all_and_personal_columns_only_where_told() {
        let text = format!(
            "[users.asha]\npassword = '{0}'\ntenants = ['t1']\n[users.ravi]\npassword = '{0}'\nall_tenants = true\npersonal = true\n",
            secret()
        );
        let accounts = Accounts::parse(&text).expect("a file");
        let asha = accounts.get("asha").expect("asha");
        assert_eq!(asha.visibility.tenants.as_ref().map(BTreeSet::len), Some(1));
        assert!(!asha.visibility.personal);
        assert_eq!(accounts.get("ravi").expect("ravi").visibility, Visibility::FULL);
        assert!(accounts.get("RAVI").is_none());
    }

    #[test]
    fn mistakes_are_told_without_secrets() {
        let good = secret();
        let complaints = [
            format!("[users.asha]\npassword = '{good}'\n"),
            format!("[users.asha]\npassword = '{good}'\ntenants = []\n"),
            format!("[users.asha]\npassword = '{good}'\ntenants = ['t1']\nall_tenants = true\n"),
            "[users.asha]\npassword = 'pencil'\nall_tenants = true\n".to_owned(),
            format!("[users.asha]\npassword = '{good}'\ntenant = 't1'\n"),
            format!("[users.asha]\npassword = '{good}\n"),
        ]
        .map(|text| Accounts::parse(&text).expect_err(&text));
        assert!(
            complaints.iter().all(|complaint| !complaint.contains("$15000$")),
            "{complaints:?}"
        );
        insta::assert_snapshot!(complaints.join("\n"), @r#"
        user asha: give either tenants = ["…"] or all_tenants = true
        user asha: give either tenants = ["…"] or all_tenants = true
        user asha: give either tenants = ["…"] or all_tenants = true
        user asha: the password is not one that `pragati password` wrote (scram-sha-256$…)
        unknown field `tenant`, expected one of `password`, `tenants`, `all_tenants`, `personal`
        invalid literal string, expected `'`
        "#);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("users.toml");
        fs::write(&path, "[users]\n").expect("written");
        for (mode, is_private) in [(0o644, false), (0o640, false), (0o600, true), (0o400, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
            assert_eq!(Accounts::read(&path).is_ok(), is_private, "{mode:o}");
        }
    }
}
