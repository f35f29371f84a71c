//! Small exports written from SQL, and the command run over them.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use calamine::{Data, Range};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use tempfile::TempDir;

use crate::prepared::{copy_folder, prepared};

/// The day of the exports that tests make.
pub const DATE: &str = "2026-11-22";

/// A test cannot be made on this machine, because something is missing. Where nothing may be skipped, as in `.ci/run`, that
/// is a failure.
pub fn skipped(why: &str) {
    assert!(std::env::var_os("TESTS_SKIP_NOTHING").is_none(), "{why}");
    eprintln!("SKIPPED: {why}");
}

/// The header of a workbook's sheet: the cells of its first row.
pub fn sheet_header(sheet: &Range<Data>) -> Vec<String> {
    let header = sheet.rows().next().expect("a header");
    header.iter().map(Data::to_string).collect()
}

/// Exports in a folder of their own, made table by table.
pub struct TestExports {
    folder: TempDir,
}

impl TestExports {
    /// Exports without any table.
    pub fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Two users in one batch of one tenant: enough for every command to have something to do.
    pub fn small() -> Self {
        Self::empty().small_on(DATE)
    }

    /// The tables of [`TestExports::small`] on one day. Nearly every test has them, so the files are made once.
    pub fn small_on(self, date: &str) -> Self {
        let make = |folder: &Path| {
            for (name, sql) in SMALL {
                write_parquet(&folder.join(name), sql);
            }
            true
        };
        let copied = prepared("small-exports", &small_made_from(), make, |folder| {
            for (name, _) in SMALL {
                fs::copy(folder.join(name), self.new_file(name, date)).expect("copied");
            }
        });
        copied.expect("small exports");
        self
    }

    /// The report of batch b1 of [`TestExports::small`], with which many tests compare theirs: made once.
    pub fn small_report() -> String {
        const REPORT: &str = "b1.csv";
        let make = |folder: &Path| {
            fs::write(folder.join(REPORT), Self::small().report("b1", &[])).expect("written");
            true
        };
        let report = prepared("small-report", &small_made_from(), make, |folder| {
            fs::read_to_string(folder.join(REPORT)).expect("a report")
        });
        report.expect("a report")
    }

    /// A copy of the output of a night over [`TestExports::small`], which is made once; the day's folder lies in it.
    pub fn small_night() -> (TempDir, PathBuf) {
        let out = tempfile::tempdir().expect("a folder");
        let make = |folder: &Path| {
            let folder = folder.to_str().expect("UTF-8");
            Self::small().output("nightly", &["--out", folder]);
            true
        };
        let copied = prepared("small-night", &small_made_from(), make, |folder| {
            copy_folder(folder, out.path());
        });
        copied.expect("a night");
        let day = out.path().join(format!("date={DATE}"));
        (out, day)
    }

    /// Where the first file of the table's day is to be; its folder is there.
    fn new_file(&self, name: &str, date: &str) -> PathBuf {
        let folder = self.path().join(name).join(format!("date={date}"));
        fs::create_dir_all(&folder).expect("a folder");
        folder.join("part-00000.parquet")
    }

    /// The table as the result of a query, replacing what was there.
    pub fn table(self, name: &str, sql: &str) -> Self {
        self.table_on(name, DATE, sql)
    }

    /// The table on one day.
    pub fn table_on(self, name: &str, date: &str, sql: &str) -> Self {
        write_parquet(&self.new_file(name, date), sql);
        self
    }

    /// A further file of the table.
    pub fn part(self, name: &str, number: usize, sql: &str) -> Self {
        let file = self.file(name).with_file_name(format!("part-{number:05}.parquet"));
        write_parquet(&file, sql);
        self
    }

    /// A file of telemetry; compressed where its name ends in `.gz`.
    pub fn telemetry(self, path: &str, content: &[u8]) -> Self {
        let file = self.path().join("telemetry").join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        let content = if path.ends_with(".gz") {
            gzip(content)
        } else {
            content.to_vec()
        };
        fs::write(file, content).expect("a file");
        self
    }

    /// What `pragati sample` makes up; the newest day is [`DATE`].
    pub fn sample(users: usize, enrolments: usize, batches: usize, days: usize) -> Self {
        Self::sample_with_telemetry(users, enrolments, batches, days, 0)
    }

    /// The same with `telemetry` lines of telemetry. Each program of Pragati makes them once; a test has a copy of its own.
    pub fn sample_with_telemetry(
        users: usize,
        enrolments: usize,
        batches: usize,
        days: usize,
        telemetry: usize,
    ) -> Self {
        let sizes = [
            ("--users", users),
            ("--enrolments", enrolments),
            ("--batches", batches),
            ("--days", days),
            ("--telemetry", telemetry),
        ];
        let name = sizes.map(|(option, size)| format!("{option}-{size}")).concat();
        let make = |folder: &Path| {
            let mut sample = pragati();
            sample
                .args(["sample", "--quiet", "--last-date", DATE, "--out"])
                .arg(folder);
            sample.args(
                sizes
                    .iter()
                    .flat_map(|(option, size)| [(*option).to_owned(), size.to_string()]),
            );
            sample.assert().success();
            true
        };
        let exports = Self::empty();
        let copied = prepared(&format!("sample{name}"), &program_made(), make, |folder| {
            copy_folder(folder, exports.path());
        });
        copied.expect("a sample");
        exports
    }

    /// Without the table.
    pub fn without(self, name: &str) -> Self {
        fs::remove_dir_all(self.path().join(name)).expect("a table");
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The first file of the table.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path()
            .join(name)
            .join(format!("date={DATE}"))
            .join("part-00000.parquet")
    }

    /// A configuration file beside the tables.
    pub fn config(&self, toml: &str) -> String {
        let file = self.path().join("settings.toml");
        fs::write(&file, toml).expect("a file");
        file.display().to_string()
    }

    /// `pragati COMMAND --exports …`, without the caller's configuration.
    pub fn command(&self, command: &str) -> Command {
        let mut pragati = pragati();
        pragati.arg(command).arg("--exports").arg(self.path());
        pragati
    }

    /// What the command prints; it must succeed.
    pub fn output(&self, command: &str, arguments: &[&str]) -> String {
        self.output_and_talk(command, arguments).0
    }

    /// What the command prints, and what it says beside it; it must succeed.
    pub fn output_and_talk(&self, command: &str, arguments: &[&str]) -> (String, String) {
        let output = self.command(command).args(arguments).output().expect("a run");
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command} {arguments:?}: {talk}");
        (String::from_utf8(output.stdout).expect("UTF-8"), talk)
    }

    /// What the command complains of on standard error; it must exit with `code` and one line.
    pub fn complaint(&self, code: i32, command: &str, arguments: &[&str]) -> String {
        let complaint = complaint_of(self.command(command).args(arguments), code);
        complaint.replace(&self.path().display().to_string(), "EXPORTS")
    }

    /// The CSV report of a batch, without the byte-order mark.
    pub fn report(&self, batch: &str, arguments: &[&str]) -> String {
        let mut all = vec!["--batch", batch];
        all.extend(arguments);
        self.output("report", &all)
    }

    /// Runs `nightly` into a new folder, which is removed with the returned value; the day's folder lies in it.
    pub fn nightly(&self, arguments: &[&str]) -> (TempDir, PathBuf) {
        let out = tempfile::tempdir().expect("a folder");
        let mut all = vec!["--out", out.path().to_str().expect("UTF-8")];
        all.extend(arguments);
        self.output("nightly", &all);
        let day = out.path().join(format!("date={DATE}"));
        (out, day)
    }
}

/// Waits until something is so, and fails where that takes longer.
pub fn wait_at_most(patience: Duration, mut is_so: impl FnMut() -> bool, what: &str) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < patience, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port of this machine that nobody listens on, for a server that must know its port before it starts.
///
/// It is below those that the kernel gives to connections and to listeners that leave the choice to it (from 32768 on,
/// unless that was changed), as one of those may be taken again before the server listens.
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const PORTS: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Tests run in many processes at a time; each begins somewhere else.
    let begin = std::process::id().wrapping_mul(7919);
    loop {
        let number = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + number % PORTS).expect("a port");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// A file system of one megabyte.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// None where file systems cannot be mounted.
    pub fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mount = std::process::Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null());
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        if !is_mounted {
            eprintln!("SKIPPED: a full disk needs root and a tmpfs, which cannot be mounted here");
        }
        is_mounted.then_some(Self(folder))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.path()).status();
    }
}

/// Tells one build of the command from another.
pub fn program_made() -> Vec<u8> {
    made(&assert_cmd::cargo::cargo_bin("pragati"))
}

/// Tells one build of these tests from another, for what the library makes within them.
pub fn tests_made() -> Vec<u8> {
    made(&std::env::current_exe().expect("the tests"))
}

fn made(program: &Path) -> Vec<u8> {
    let program = fs::metadata(program).expect("the binary");
    let made = program.modified().expect("a time");
    format!("{made:?}, {} bytes", program.len()).into_bytes()
}

/// Whether the tests run in their full form, with more of what takes minutes: `./test --full`.
pub fn is_full() -> bool {
    std::env::var_os("TESTS_FULL").is_some()
}

/// How much of something a test does: this many in every run, that many in the full form.
pub fn usually<T>(usual: T, full: T) -> T {
    if is_full() { full } else { usual }
}

/// The command in an empty folder, so that no `pragati.toml` is picked up by chance.
pub fn pragati() -> Command {
    let mut pragati = Command::cargo_bin("pragati").expect("the binary");
    pragati.current_dir(env!("CARGO_TARGET_TMPDIR"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PRAGATI_")) {
        pragati.env_remove(name);
    }
    pragati
}

/// A gzip member.
pub fn gzip(content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(content).expect("memory");
    gzip.finish().expect("memory")
}

/// The one line that a failing command complains with on standard error.
pub fn complaint_of(command: &mut Command, code: i32) -> String {
    let output = command.output().expect("a run");
    let complaint = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{command:?}: {complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    complaint
}

/// The words of a long message in lines, for a snapshot.
pub fn wrapped(message: &str) -> String {
    const WIDTH: usize = 100;
    let (mut text, mut length) = (String::new(), 0);
    for word in message.split_whitespace() {
        let starts_line = length + word.len() > WIDTH;
        text.push_str(if text.is_empty() {
            ""
        } else if starts_line {
            "\n"
        } else {
            " "
        });
        text.push_str(word);
        length = if starts_line {
            word.len() + 1
        } else {
            length + word.len() + 1
        };
    }
    text
}

/// Writes the rows of a query as a Parquet file.
pub fn write_parquet(path: &Path, sql: &str) {
    write_parquet_with(path, sql, WriterProperties::default());
}

/// Writes the rows of a query as a Parquet file, compressed and laid out as told.
pub fn write_parquet_with(path: &Path, sql: &str, properties: WriterProperties) {
    let (schema, rows) = rows_of(sql);
    let file = File::create(path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).expect("a writer");
    for batch in rows {
        writer.write(&batch).expect("written");
    }
    writer.close().expect("closed");
}

/// Makes rows. It has no tables, and making one takes longer than most queries.
static SESSION: LazyLock<SessionContext> = LazyLock::new(SessionContext::new);

fn rows_of(sql: &str) -> (Arc<Schema>, Vec<RecordBatch>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let frame = SESSION.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let schema = Arc::new(frame.schema().as_arrow().clone());
        (schema, frame.collect().await.expect("rows"))
    })
}

/// Replaces the rows of a Parquet file by those of a query, which knows them as the table `rows`.
pub fn rewrite_parquet(path: &Path, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let (schema, rows) = runtime.block_on(async {
        let session = SessionContext::new();
        let before = path.to_str().expect("UTF-8");
        session
            .register_parquet("rows", before, ParquetReadOptions::default())
            .await
            .expect("Parquet");
        let frame = session.sql(sql).await.expect("a query");
        let schema = Arc::new(frame.schema().as_arrow().clone());
        (schema, frame.collect().await.expect("rows"))
    });
    let mut writer = ArrowWriter::try_new(File::create(path).expect("a file"), schema, None).expect("a writer");
    for batch in rows {
        writer.write(&batch).expect("written");
    }
    writer.close().expect("closed");
}

/// A query over Parquet files, which it knows as the table `files`; the answer is drawn as a table.
pub fn query_parquet(path: &Path, sql: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let rows = runtime.block_on(async {
        let session = SessionContext::new();
        let path = path.to_str().expect("UTF-8");
        session
            .register_parquet("files", path, ParquetReadOptions::default())
            .await
            .expect("Parquet");
        session.sql(sql).await.expect("a query").collect().await.expect("rows")
    });
    pretty_format_batches(&rows).expect("text").to_string()
}

/// The same table with other columns: what stands between `select` and `from`.
pub fn select(columns: &str, table: &str) -> String {
    format!("select {columns} from ({table})")
}

/// Some columns of a CSV, by their headers, as CSV without the header line.
pub fn csv_columns(csv: &str, headers: &[&str]) -> String {
    let mut reader = csv::Reader::from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
    let found = reader.headers().expect("a header").clone();
    let places: Vec<usize> = headers
        .iter()
        .map(|header| found.iter().position(|name| name == *header).expect("a known header"))
        .collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in reader.records() {
        let record = record.expect("as many cells as the header");
        writer
            .write_record(places.iter().map(|&place| &record[place]))
            .expect("written");
    }
    String::from_utf8(writer.into_inner().expect("written")).expect("UTF-8")
}

/// The files below a folder with their contents, in order of their paths.
pub fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let relative = entry.path().strip_prefix(folder).expect("below").display().to_string();
                files.push((relative, fs::read(entry.path()).expect("a file")));
            }
        }
    }
    files.sort();
    files
}

/// The columns of a `users` table, in the order of the contract.
pub const USER_COLUMNS: [&str; 11] = [
    "user_id",
    "external_id",
    "first_name",
    "last_name",
    "email",
    "mobile",
    "organization_name",
    "district_name",
    "school_name",
    "block_name",
    "tenant_id",
];

/// Tells [`TestExports::small`] of this build of the command and these tables from others.
fn small_made_from() -> Vec<u8> {
    let tables: String = SMALL.iter().map(|(_, sql)| *sql).collect();
    [tables.into_bytes(), program_made()].concat()
}

/// The tables of [`TestExports::small`].
const SMALL: [(&str, &str); 4] = [
    ("users", USERS),
    ("enrolments", ENROLMENTS),
    ("course_progress", COURSE_PROGRESS),
    ("batches", BATCHES),
];

pub const USERS: &str = "
    select * from (values
        ('u1', 'E1', 'Asha', 'Kumar', 'as***@example.org', '******1234', 'SCERT', 'Mysuru', 'GHS 1', 'Block 1', 't1'),
        ('u2', null, 'अनीता', null, null, null, 'SCERT', null, null, null, 't2')
    ) as users(user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name,
        block_name, tenant_id)";

pub const ENROLMENTS: &str = "
    select user_id, course_id, batch_id, arrow_cast(enrolled_at, 'Timestamp(Millisecond, Some(\"UTC\"))') as enrolled_at, active
    from (values
        ('u1', 'c1', 'b1', '2026-10-01T18:29:59', true),
        ('u2', 'c1', 'b1', '2026-10-01T18:30:00', true)
    ) as enrolments(user_id, course_id, batch_id, enrolled_at, active)";

pub const COURSE_PROGRESS: &str = "
    select user_id, course_id, batch_id, progress_percent,
        arrow_cast(completed_at, 'Timestamp(Millisecond, Some(\"UTC\"))') as completed_at
    from (values
        ('u1', 'c1', 'b1', 40, null),
        ('u2', 'c1', 'b1', 100, '2026-10-05T12:00:00')
    ) as course_progress(user_id, course_id, batch_id, progress_percent, completed_at)";

pub const BATCHES: &str = "
    select * from (values ('b1', 'c1', 'Batch 1', 't1'), ('b2', 'c1', 'Batch 2', 't2'))
        as batches(batch_id, course_id, batch_name, tenant_id)";

/// A `users` table: users of tenant t1 with these ids, such as `('u1'), ('u2')`, which are their first names, and no other value.
pub fn users(ids: &str) -> String {
    format!(
        "select user_id, cast(null as varchar) as external_id, user_id as first_name, cast(null as varchar) as last_name,
            cast(null as varchar) as email, cast(null as varchar) as mobile, cast(null as varchar) as organization_name,
            cast(null as varchar) as district_name, cast(null as varchar) as school_name,
            cast(null as varchar) as block_name, 't1' as tenant_id
        from (values {ids}) as users(user_id)"
    )
}

/// An `enrolments` table: user, course, batch, time, active.
pub fn enrolments(rows: &str) -> String {
    format!(
        "select cast(user_id as varchar) as user_id, cast(course_id as varchar) as course_id,
            cast(batch_id as varchar) as batch_id,
            arrow_cast(enrolled_at, 'Timestamp(Millisecond, Some(\"UTC\"))') as enrolled_at, active
        from (values {rows}) as enrolments(user_id, course_id, batch_id, enrolled_at, active)"
    )
}

/// A `course_progress` table for batch b1 of course c1: user, percent, completion.
pub fn course_progress(rows: &str) -> String {
    format!(
        "select user_id, 'c1' as course_id, 'b1' as batch_id, cast(progress_percent as double) as progress_percent,
            arrow_cast(completed_at, 'Timestamp(Millisecond, Some(\"UTC\"))') as completed_at
        from (values {rows}) as course_progress(user_id, progress_percent, completed_at)"
    )
}

/// A `batches` table: batch, course, tenant.
pub fn batches(rows: &str) -> String {
    format!(
        "select cast(batch_id as varchar) as batch_id, cast(course_id as varchar) as course_id,
            cast(tenant_id as varchar) as tenant_id
        from (values {rows}) as batches(batch_id, course_id, tenant_id)"
    )
}
