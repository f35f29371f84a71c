//! Any bytes, as a file of exports: its footer is read and checked against the contract, and all rows of each table whose
//! columns it has are read. Whatever the bytes are, that ends with rows or with an error, and within its memory.

#![no_main]

use std::panic;
use std::process::abort;
use std::sync::{Arc, LazyLock, Once};

use bytesize::ByteSize;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::prelude::SessionContext;
use libfuzzer_sys::fuzz_target;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use pragati::engine::{EngineOptions, new_session};
use pragati::exports::{DayFile, Location, SnapshotTable, Table, TableFiles, check_contract, read_footers};
use pragati::zone::Zone;
use tokio::runtime::{Builder, Runtime};
use url::Url;

/// Bytes of memory that a query may reserve.
const MEMORY: u64 = 64 * 1024 * 1024;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

static ZONE: LazyLock<Zone> = LazyLock::new(|| "Asia/Kolkata".parse().expect("a zone"));

/// Panics of the Parquet reader are turned into errors, so they are counted by place and do not end the run; one of our own
/// code does.
fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let file = info.location().map_or("", |location| location.file());
            eprintln!("panic in {file}");
            let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent();
            let file = std::path::Path::new(file);
            if file.is_relative() || project.is_some_and(|project| file.starts_with(project)) {
                eprintln!("{info}");
                abort();
            }
        }));
    });
}

fn session() -> SessionContext {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));
    new_session(&EngineOptions {
        threads: std::num::NonZero::new(1),
        memory_limit: Some(ByteSize(MEMORY)),
        temp_dir: FOLDER.path().to_owned(),
        cluster: None,
    })
    .expect("a session")
}

async fn read(bytes: &[u8]) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let path = Path::from("users/date=2026-11-22/part-0.parquet");
    store
        .put(&path, PutPayload::from(bytes.to_vec()))
        .await
        .expect("a file");
    let object = store.head(&path).await.expect("the file");
    let root = Url::parse("memory:///").expect("a URL");
    let location = Location {
        store: Arc::clone(&store),
        root: root.clone(),
        prefix: Path::from("users"),
    };
    let files = vec![DayFile {
        object,
        partitions: Vec::new(),
    }];
    for table in Table::ALL {
        let files = TableFiles {
            name: table.name().to_owned(),
            location: location.clone(),
            files: files.clone(),
        };
        let Ok(inspected) = read_footers(&files).await else {
            return;
        };
        if check_contract(table, &files, &inspected, &ZONE).is_err() {
            continue;
        }
        let session = session();
        session.register_object_store(&root, Arc::clone(&store));
        let url = ObjectStoreUrl::parse(&root).expect("a URL");
        // Once by the scan of files, and once as cached rows.
        let scanned = SnapshotTable::canonical(table, url.clone(), inspected.clone(), ZONE.clone());
        let cached = SnapshotTable::canonical(table, url, inspected, ZONE.clone()).caching_small_files();
        let rows = async |table: SnapshotTable| {
            let rows = session.read_table(Arc::new(table)).ok()?.collect().await.ok()?;
            Some(rows.iter().map(|rows| rows.num_rows()).sum::<usize>())
        };
        assert_eq!(rows(scanned).await, rows(cached).await, "both ways read the same");
    }
}

fuzz_target!(|bytes: &[u8]| {
    watch_panics();
    RUNTIME.block_on(read(bytes));
});
