//! The registry of SQL functions on executors, which look functions up by name.

use std::sync::Arc;

use ballista_core::registry::BallistaFunctionRegistry;
use datafusion::functions_nested::all_default_nested_functions;
use datafusion::logical_expr::ScalarUDF;

use crate::engine::functions;

/// The engine's functions and `more`.
pub fn registry(more: impl IntoIterator<Item = ScalarUDF>) -> BallistaFunctionRegistry {
    let mut registry = BallistaFunctionRegistry::default();
    let ours = functions::all().into_iter().chain(more).map(Arc::new);
    for function in all_default_nested_functions().into_iter().chain(ours) {
        let names = function.aliases().iter().cloned().chain([function.name().to_owned()]);
        for name in names.collect::<Vec<_>>() {
            registry.scalar_functions.insert(name, Arc::clone(&function));
        }
    }
    registry
}
