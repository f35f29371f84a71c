//! A person as the login token describes them: who they are, where mail reaches them, and what they may see as an admin.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{TenantId, UserId};
use crate::language::Language;

/// Somebody who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The user's id, which is the subject of the login token.
    pub user_id: UserId,
    /// A verified address; none where the token has none.
    pub email: Option<String>,
    /// What the login token says that the person may do.
    pub roles: Roles,
    /// The language of mails to them; `None` where they have not chosen one.
    pub language: Option<Language>,
}

/// What a person may see beside their own batches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// Every report.
    pub platform_admin: bool,
    /// The reports of all batches of these tenants.
    pub tenant_admin_of: BTreeSet<TenantId>,
}
