//! Retries listings of an object store, and reads of small objects, whose response was cut off.
//!
//! The library retries requests and resumes an interrupted read of a file. It does not retry listings, nor error
//! responses: a "not found" whose response is cut off looks like a failure. Without retries, one interrupted response
//! would fail a nightly run.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

const ATTEMPTS: u32 = 6;
/// The back-off before the second attempt; doubled before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// An object store that retries listings.
#[derive(Debug)]
pub struct RetriedLists(Arc<dyn ObjectStore>);

impl RetriedLists {
    pub fn new(store: impl ObjectStore) -> Self {
        Self(Arc::new(store))
    }
}

impl fmt::Display for RetriedLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Retries transport errors of `ask` with back-off. Any other error is the store's answer and is returned.
async fn with_retries<T, F: Future<Output = Result<T>>>(
    first_pause: Duration,
    mut ask: impl FnMut() -> F,
) -> Result<T> {
    let mut pause = first_pause;
    for _ in 1..ATTEMPTS {
        match ask().await {
            Err(Error::Generic { source, .. }) => {
                tracing::debug!("a request is made again: {source}");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            answer => return answer,
        }
    }
    ask().await
}

/// Reads a small object whole, and retries where the response is cut off. A missing object is the error `NotFound`.
///
/// # Errors
/// The object is missing, or the store does not answer.
pub async fn read_whole(store: &dyn ObjectStore, path: &Path) -> Result<(Bytes, ObjectMeta)> {
    let read = || async move {
        let found = store.get_opts(path, GetOptions::default()).await?;
        let object = found.meta.clone();
        Ok((found.bytes().await?, object))
    };
    with_retries(FIRST_PAUSE, read).await
}

#[async_trait]
impl ObjectStore for RetriedLists {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.0.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    /// Collects the whole listing first, because a retry begins anew.
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (Arc::clone(&self.0), prefix.cloned());
        let listed = async move {
            let list = || store.list(prefix.as_ref()).try_collect::<Vec<_>>();
            let objects = with_retries(FIRST_PAUSE, list).await?;
            Ok::<_, Error>(futures::stream::iter(objects).map(Ok))
        };
        futures::stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        with_retries(FIRST_PAUSE, || self.0.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.0.rename_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> Error {
        Error::Generic {
            store: "S3",
            source: "the answer broke off".into(),
        }
    }

    #[tokio::test]
    async fn transport_errors_are_retried_and_answers_of_the_store_are_final() {
        for failures in [0, 1, ATTEMPTS - 1, ATTEMPTS] {
            let mut asked = 0;
            let answer = with_retries(Duration::ZERO, || {
                asked += 1;
                std::future::ready(if asked <= failures { Err(broken()) } else { Ok(()) })
            });
            assert_eq!(answer.await.is_ok(), failures < ATTEMPTS);
            assert_eq!(asked, (failures + 1).min(ATTEMPTS));
        }
        let mut asked = 0;
        let answer: Result<()> = with_retries(Duration::ZERO, || {
            asked += 1;
            std::future::ready(Err(Error::NotFound {
                path: "x".to_owned(),
                source: "x".into(),
            }))
        })
        .await;
        assert!(matches!(answer, Err(Error::NotFound { .. })) && asked == 1);
    }
}
