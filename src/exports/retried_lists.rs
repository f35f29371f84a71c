//! A store whose lists survive answers that break off. The library tries requests again, and reads files on from where an
//! answer ended, but a list whose answer breaks off is an error to it, which would end a night's run.

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
/// Before the second attempt; twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The store, with lists that are asked for again.
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

/// What `ask` gives, once it does not fail any more, or has failed too often. Failures that are the store's answer are taken.
async fn with_retries<T, F: Future<Output = Result<T>>>(
    first_pause: Duration,
    mut ask: impl FnMut() -> F,
) -> Result<T> {
    let mut pause = first_pause;
    for _ in 1..ATTEMPTS {
        match ask().await {
            Err(Error::Generic { source, .. }) => {
                tracing::debug!("a list is asked for again: {source}");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            answer => return answer,
        }
    }
    ask().await
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

    /// Whole lists, since one that broke off begins anew.
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
    async fn what_tells_nothing_is_asked_again_and_an_answer_is_taken() {
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
