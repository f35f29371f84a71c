//! Threads for the engine alone, so that a query that keeps them busy does not keep others from hearing Ctrl-C or clients.

use std::future::Future;
use std::num::NonZeroUsize;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;

use super::error::EngineError;

/// Bytes of stack of each thread, of which only what is used takes memory: plans of views over views are deep.
pub const STACK_OF_THREADS: usize = 32 * 1024 * 1024;

/// What the engine runs on.
pub struct EngineThreads(Option<Runtime>);

impl EngineThreads {
    /// So many threads; one a core where none are asked for.
    pub fn start(threads: Option<NonZeroUsize>) -> Result<Self, EngineError> {
        let mut builder = Builder::new_multi_thread();
        builder
            .enable_all()
            .thread_name("pragati-engine")
            .thread_stack_size(STACK_OF_THREADS);
        if let Some(threads) = threads {
            builder.worker_threads(threads.get());
        }
        let runtime = builder.build().map_err(|error| EngineError::Start {
            reason: error.to_string(),
        })?;
        Ok(Self(Some(runtime)))
    }

    /// Where tasks of the engine are spawned.
    pub fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }

    /// What `work` gives, done on these threads. Dropping the returned future ends it.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, EngineError> {
        let lost = || EngineError::Lost("plan of a query");
        let mut task = JoinSet::new();
        task.spawn_on(work, self.handle().ok_or_else(lost)?);
        match task.join_next().await {
            Some(Ok(done)) => Ok(done),
            Some(Err(_)) | None => Err(lost()),
        }
    }
}

impl Drop for EngineThreads {
    /// Nobody waits for what a cancelled query still does.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
