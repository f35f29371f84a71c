//! Reports over exports that a test opens once: where many reports of one snapshot are wanted, a command for each would
//! spend its time on opening the same exports and planning the same views.

use std::collections::BTreeMap;
use std::path::Path;

use pragati::catalog::Catalog;
use pragati::config::Config;
use pragati::engine::STACK_OF_THREADS;
use pragati::ids::BatchId;
use pragati::report::{CsvStyle, ReportFormat, report_of_batch, write_report};

/// The usual settings over exports.
pub fn settings_over(exports: &Path) -> Config {
    Config {
        exports: Some(exports.display().to_string()),
        ..Config::default()
    }
}

/// The files that `pragati report` makes of these batches, each by itself.
pub fn reports_of(settings: Config, format: ReportFormat, batches: Vec<String>) -> BTreeMap<String, Vec<u8>> {
    // The stack is as deep as that of the command's threads.
    let thread = std::thread::Builder::new().stack_size(STACK_OF_THREADS);
    let thread = thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_stack_size(STACK_OF_THREADS)
            .build()
            .expect("a runtime");
        runtime.block_on(make(&settings, format, batches))
    });
    thread.expect("a thread").join().expect("reports")
}

async fn make(settings: &Config, format: ReportFormat, batches: Vec<String>) -> BTreeMap<String, Vec<u8>> {
    let catalog = Catalog::open(settings).await.expect("a snapshot");
    let (style, temp_folder) = (CsvStyle::from(&settings.report), settings.temp_folder());
    let mut reports = BTreeMap::new();
    for batch in batches {
        let id: BatchId = batch.parse().expect("an id");
        let rows = report_of_batch(&catalog, &id).await.expect("rows");
        let mut file = Vec::new();
        write_report(rows, format, style.clone(), &temp_folder, &mut file)
            .await
            .expect("written");
        reports.insert(batch, file);
    }
    reports
}
