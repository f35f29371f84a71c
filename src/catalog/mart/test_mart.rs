//! Marts in memory, for tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use super::{MartPart, ReportMart};
use crate::exports::Location;

/// A mart of a file for each batch: its id, which is also the file's path, and its rows.
pub async fn mart_in_memory(files: &[(&str, RecordBatch)]) -> ReportMart {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let manifest = Path::from("manifest.json");
    store.put(&manifest, "{}".into()).await.expect("written");
    let mut parts = Vec::new();
    for (batch, rows) in files {
        let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).expect("a writer");
        writer.write(rows).expect("written");
        let bytes = writer.into_inner().expect("a file");
        let path = Path::from(*batch);
        parts.push(MartPart {
            path: path.clone(),
            bytes: bytes.len() as u64,
            rows: rows.num_rows() as u64,
            first_batch_id: (*batch).to_owned(),
            last_batch_id: (*batch).to_owned(),
            tenants: BTreeSet::new(),
        });
        store.put(&path, bytes.into()).await.expect("written");
    }
    ReportMart {
        day: "2026-11-22".parse().expect("a date"),
        manifest: store.head(&manifest).await.expect("a file"),
        reports: Location {
            store,
            root: Url::parse("memory:///").expect("a URL"),
            prefix: Path::default(),
        },
        parts,
    }
}
