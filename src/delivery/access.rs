//! Who may have a batch's report (`docs/design.md`, "Delivery"): its creator and mentors, an admin of its tenant, a
//! platform admin.

use std::collections::BTreeSet;

use super::person::Person;
use crate::ids::{BatchId, TenantId, UserId};

/// The facts of a batch in the snapshot that deliveries need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchFacts {
    /// The batch's id.
    pub batch_id: BatchId,
    /// The batch's course, where it is known.
    pub course_id: Option<String>,
    /// Its name, where the export has one.
    pub batch_name: Option<String>,
    /// The batch's tenant, where it is known.
    pub tenant_id: Option<TenantId>,
    /// Who created it, and may have its report.
    pub created_by: Option<UserId>,
    /// Its mentors, who may have its report.
    pub mentors: BTreeSet<UserId>,
    /// Rows that its report has, where a nightly run counted them.
    pub rows: Option<u64>,
}

impl BatchFacts {
    /// Whether `person` may have the report of this batch.
    pub fn is_open_to(&self, person: &Person) -> bool {
        let is_tenant_admin = self
            .tenant_id
            .as_ref()
            .is_some_and(|tenant| person.roles.tenant_admin_of.contains(tenant));
        person.roles.platform_admin
            || is_tenant_admin
            || self.created_by.as_ref() == Some(&person.user_id)
            || self.mentors.contains(&person.user_id)
    }
}
