//! How tables give the engine the plan of a scan.

/// `TableProvider::scan` of the type `$table`, by its method `plan_scan` of the same arguments.
///
/// An `async fn` of the trait would make its future where the lifetimes of the arguments are bounded, and the compiler
/// then proves anew, for each table, that every type below [`Expr`](datafusion::prelude::Expr) can be sent between
/// threads: about five seconds each. In a function without bounds, it remembers what it has proven.
macro_rules! scan_in_own_future {
    ($table:ty) => {
        fn scan<'life0, 'life1, 'life2, 'life3, 'async_trait>(
            &'life0 self,
            session: &'life1 dyn ::datafusion::catalog::Session,
            projection: Option<&'life2 Vec<usize>>,
            filters: &'life3 [::datafusion::prelude::Expr],
            limit: Option<usize>,
        ) -> ::futures::future::BoxFuture<
            'async_trait,
            ::datafusion::common::Result<::std::sync::Arc<dyn ::datafusion::physical_plan::ExecutionPlan>>,
        >
        where
            'life0: 'async_trait,
            'life1: 'async_trait,
            'life2: 'async_trait,
            'life3: 'async_trait,
            Self: 'async_trait,
        {
            fn future<'a>(
                table: &'a $table,
                session: &'a dyn ::datafusion::catalog::Session,
                projection: Option<&'a Vec<usize>>,
                filters: &'a [::datafusion::prelude::Expr],
                limit: Option<usize>,
            ) -> ::futures::future::BoxFuture<
                'a,
                ::datafusion::common::Result<::std::sync::Arc<dyn ::datafusion::physical_plan::ExecutionPlan>>,
            > {
                Box::pin(table.plan_scan(session, projection, filters, limit))
            }
            future(self, session, projection, filters, limit)
        }
    };
}

pub(crate) use scan_in_own_future;
