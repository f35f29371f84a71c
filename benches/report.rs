//! How fast one batch's report is written as CSV, and read from the report mart by a service that keeps it open.
//!
//! `cargo bench` runs it; benches/compare measures whole programs.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use chrono::NaiveDate;
use datafusion::arrow::array::RecordBatch;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use futures::TryStreamExt;
use pragati::catalog::Catalog;
use pragati::config::{Config, DateChoice};
use pragati::exports::Location;
use pragati::ids::BatchId;
use pragati::nightly::manifest::Content;
use pragati::nightly::{self, Progress, Published};
use pragati::report::{CsvStyle, CsvWriter, ReportFormat, ReportRows, write_report};
use pragati::sample::{SampleOptions, generate};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where the exports and reports lie during a run.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/bench-report");

fn main() {
    clear();
    divan::main();
    clear();
}

fn clear() {
    if let Err(error) = fs::remove_dir_all(FOLDER) {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{FOLDER}: {error}");
    }
}

/// The batches that are measured.
#[derive(Debug, Clone, Copy)]
enum Batch {
    /// The one with most rows.
    Largest,
    /// The one in the middle, by rows.
    Median,
}

/// Rows to CSV bytes, in memory.
#[divan::bench(args = [Batch::Largest])]
fn csv_of_rows(bencher: Bencher, batch: Batch) {
    let rows = SITE.rows(batch);
    let style = CsvStyle::from(&SITE.config.report);
    let mut bytes = Vec::new();
    write_csv(&rows, style.clone(), &mut bytes);
    let count: usize = rows.iter().map(RecordBatch::num_rows).sum();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .counter(ItemsCount::new(count))
        .bench_local(|| {
            bytes.clear();
            write_csv(black_box(&rows), style.clone(), &mut bytes);
        });
}

/// The mart's file to CSV bytes, by a service that has opened the day before.
#[divan::bench(args = [Batch::Largest, Batch::Median])]
fn csv_of_batch_from_mart(bencher: Bencher, batch: Batch) {
    let batch = SITE.batch(batch);
    let bytes = SITE.csv_from_mart(&batch);
    let count = SITE.published.csv_of_batch(&batch).expect("a known batch").rows;
    bencher
        .counter(BytesCount::new(bytes.len()))
        .counter(ItemsCount::new(count))
        .bench_local(|| SITE.csv_from_mart(black_box(&batch)));
}

fn write_csv(rows: &[RecordBatch], style: CsvStyle, bytes: &mut Vec<u8>) {
    let mut writer = CsvWriter::new(style);
    writer.start(bytes);
    for batch in rows {
        let rows = ReportRows::try_new(batch).expect("report rows");
        writer.append(&rows, bytes);
    }
}

/// Made-up exports and what a nightly run made of them.
static SITE: LazyLock<Site> = LazyLock::new(Site::make);

struct Site {
    runtime: Runtime,
    config: Config,
    published: Published,
}

impl Site {
    fn make() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (exports, reports) = (format!("{FOLDER}/exports"), format!("{FOLDER}/reports"));
        make_exports(exports.as_ref());
        let config = Config {
            exports: Some(exports),
            ..Config::default()
        };
        let published = runtime.block_on(publish(&config, &reports));
        Self {
            runtime,
            config,
            published,
        }
    }

    fn batch(&self, batch: Batch) -> BatchId {
        let listed = self.published.manifest().files.iter();
        let mut batches: Vec<(u64, &str)> = listed
            .filter_map(|file| match &file.content {
                Content::ReportCsv { batch_id, .. } => Some((file.rows, batch_id.as_str())),
                _ => None,
            })
            .collect();
        batches.sort_unstable();
        let place = match batch {
            Batch::Largest => batches.len() - 1,
            Batch::Median => batches.len() / 2,
        };
        batches[place].1.parse().expect("a batch id")
    }

    fn rows(&self, batch: Batch) -> Vec<RecordBatch> {
        let batch = self.batch(batch);
        let rows = async {
            self.published
                .report_of_batch(&batch)
                .await
                .expect("a report")
                .try_collect()
                .await
        };
        self.runtime.block_on(rows).expect("rows")
    }

    fn csv_from_mart(&self, batch: &BatchId) -> Vec<u8> {
        let style = CsvStyle::from(&self.config.report);
        let mut bytes = Vec::new();
        let written = async {
            let rows = self.published.report_of_batch(batch).await.expect("a report");
            write_report(rows, ReportFormat::Csv, style, &std::env::temp_dir(), &mut bytes).await
        };
        self.runtime.block_on(written).expect("a report");
        bytes
    }
}

/// A day whose largest batch has more than 100,000 enrolments; much less where the program is not optimised.
fn make_exports(folder: &Path) {
    let share = if cfg!(debug_assertions) { 100 } else { 1 };
    let options = SampleOptions {
        users: 250_000 / share,
        enrolments: 1_000_000 / share,
        batches: 1_000 / share,
        days: 1,
        telemetry: 0,
        seed: 7,
        last_date: NaiveDate::from_ymd_opt(2026, 11, 22).expect("a date"),
    };
    generate(&options, folder, &mut |_| {}).expect("exports");
}

async fn publish(config: &Config, out: &str) -> Published {
    let catalog = Catalog::open(config).await.expect("a snapshot");
    nightly::run(&catalog, config, out, Arc::new(Silent))
        .await
        .expect("a nightly run");
    let reports = Location::parse(out).expect("a folder");
    Published::open(reports, DateChoice::Latest)
        .await
        .expect("a published day")
}

struct Silent;

impl Progress for Silent {
    fn stage(&self, _name: &'static str) {}
    fn batches(&self, _more: u64) {}
    fn batches_written(&self, _more: u64) {}
}
