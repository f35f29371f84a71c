//! Whether a site's own queries mean what the built-in ones do. What stands for the rows of built-in queries may stand for
//! those of a site's copies too, which differ in a comment or a line break alone; the plans tell.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::Catalog;
use crate::queries::Queries;

impl Catalog {
    /// Whether each of these queries is planned over this snapshot as the built-in one of its name. They must be in the
    /// order of [`queries_down_to`](super::view_order::queries_down_to): a view may be missing that none before it reads.
    pub(super) fn are_planned_as_built_in<'a>(&'a self, names: &'a [&'static str]) -> BoxFuture<'a, bool> {
        // Boxed, as planning is in `Catalog::plan`.
        let compared = async move {
            for &name in names {
                if !self.queries.is_built_in(name) && !self.is_planned_as_built_in(name).await {
                    return false;
                }
            }
            true
        };
        compared.boxed()
    }

    /// Whether the site's query of that name has the plan of the built-in one. A query that cannot be planned has not:
    /// whoever runs it says why.
    async fn is_planned_as_built_in(&self, name: &str) -> bool {
        let (Ok(own), Ok(built_in)) = (self.queries.get(name), Queries::default().get(name)) else {
            return false;
        };
        let Ok(own) = own.plan(&self.session, &self.parameters).await else {
            return false;
        };
        let Ok(built_in) = built_in.plan(&self.session, &self.parameters).await else {
            return false;
        };
        own.logical_plan() == built_in.logical_plan()
    }
}
