//! The registry of object stores: opens the store of a URL in a plan when a task first needs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::ObjectStore;
use url::Url;

use crate::exports::{open_store, store_root};

/// Open stores by their root URL. Credentials come from the environment of this process; plans do not hold any.
#[derive(Debug, Default)]
pub struct Stores {
    opened: Mutex<HashMap<Url, Arc<dyn ObjectStore>>>,
}

impl ObjectStoreRegistry for Stores {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert(store_root(url), store)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let root = store_root(url);
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = opened.get(&root) {
            return Ok(Arc::clone(store));
        }
        let store = open_store(&root).map_err(|error| {
            DataFusionError::Execution(format!(
                "{root} cannot be opened by an executor: {error}; check its environment"
            ))
        });
        let (store, _) = store?;
        opened.insert(root, Arc::clone(&store));
        Ok(store)
    }
}
