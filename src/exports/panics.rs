//! Turns panics of the Parquet reader into errors, so that a damaged file fails its query, with a message that names the
//! file, and not the process.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use datafusion::common::DataFusionError;
use futures::FutureExt;

use super::error::one_line;

/// The error that a panic becomes.
#[derive(Debug, thiserror::Error)]
#[error("the Parquet reader failed on it: {0}")]
struct ReaderPanic(String);

/// Awaits `read` and turns a panic into an error.
pub async fn without_panic<T, E: From<DataFusionError>>(read: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    match AssertUnwindSafe(read).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => Err(error_of(panic.as_ref()).into()),
    }
}

/// Runs `step` and turns a panic into an error.
pub fn step_without_panic<T>(step: impl FnOnce() -> T) -> Result<T, DataFusionError> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|panic| error_of(panic.as_ref()))
}

fn error_of(panic: &(dyn Any + Send)) -> DataFusionError {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "it gave no reason".to_owned());
    DataFusionError::External(Box::new(ReaderPanic(one_line(&text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_words() {
        let failing = async {
            if true {
                panic!("index out of\n bounds")
            } else {
                Ok::<(), DataFusionError>(())
            }
        };
        let error = without_panic(failing).await.expect_err("a panic");
        assert!(error.to_string().contains("index out of bounds"), "{error}");
        let number = std::hint::black_box(7);
        let error = step_without_panic(|| assert_eq!(number, 8, "page {number}")).expect_err("a panic");
        assert!(error.to_string().contains("page 7"), "{error}");
        assert_eq!(step_without_panic(|| number).expect("a number"), 7);
    }
}
