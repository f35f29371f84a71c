//! A future that belongs to a Tokio runtime, polled on a thread that does not.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Polls its future within a runtime: the exporters of OpenTelemetry run on threads of their own, and their HTTP client
/// needs the sockets and timers of a runtime.
pub struct InRuntime<F> {
    runtime: Handle,
    future: Pin<Box<F>>,
}

impl<F: Future> InRuntime<F> {
    /// The future, within the runtime.
    pub fn new(runtime: Handle, future: F) -> Self {
        Self {
            runtime,
            future: Box::pin(future),
        }
    }
}

impl<F: Future> Future for InRuntime<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let _entered = this.runtime.enter();
        this.future.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_timer_runs_on_a_thread_without_a_runtime() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let handle = runtime.handle().clone();
        let thread = std::thread::spawn(move || {
            let sleeping = async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                7
            };
            futures::executor::block_on(InRuntime::new(handle, sleeping))
        });
        assert_eq!(thread.join().expect("no panic"), 7);
    }
}
