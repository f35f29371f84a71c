//! A thread pool for the engine alone, so that busy queries do not delay Ctrl-C and network clients.

use std::future::Future;
use std::num::NonZeroUsize;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;

use super::error::EngineError;

/// Bytes of stack of each thread. Plans of views over views recurse deeply; memory is only taken for what is used.
pub const STACK_OF_THREADS: usize = 32 * 1024 * 1024;

/// The thread pool of the engine.
pub struct EngineThreads(Option<Runtime>);

impl EngineThreads {
    /// Starts the pool with `threads` threads, or with one a core.
    ///
    /// # Errors
    /// The operating system starts no thread.
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

    /// A handle to spawn tasks on the pool; `None` while it shuts down.
    pub fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }

    /// Runs `work` on the pool and returns its result. Dropping the returned future cancels the work.
    ///
    /// # Errors
    /// The task was stopped or panicked.
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
    /// Ends without waiting for running tasks: nobody reads the results of cancelled queries.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
