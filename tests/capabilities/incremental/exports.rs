//! Random days of a small learning platform, and how they are written as exports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::parquet::arrow::ArrowWriter;
use pragati::config::{Config, Headers, UnknownUsers};
use pragati::language::Language;
use proptest::prelude::*;

/// Users, among them one whom no export has.
const USERS: u8 = 9;
const BATCHES: u8 = 14;
/// Inactive enrolments that are in no report, so many that the mart is divided into several files.
const INACTIVE: usize = 12_000;

/// One thing that happens between two nights.
#[derive(Debug, Clone)]
pub enum Change {
    /// A user's details are others now; the user may be in many batches.
    User(u8, u8),
    UserGone(u8),
    /// A batch is new, or of another tenant or course.
    Batch(u8, u8),
    BatchGone(u8),
    /// Everything of a batch is under another id now.
    Renamed(u8, u8),
    Enrolled(u8, u8, u8, bool),
    EnrolmentGone(u8, u8),
    Progress(u8, u8, Option<u8>, Option<u8>),
    Setting(u8),
}

pub fn any_change() -> impl Strategy<Value = Change> {
    let (user, batch) = (|| 0..USERS, || 0..BATCHES);
    prop_oneof![
        2 => (user(), any::<u8>()).prop_map(|(user, version)| Change::User(user, version)),
        1 => user().prop_map(Change::UserGone),
        1 => (batch(), any::<u8>()).prop_map(|(batch, version)| Change::Batch(batch, version)),
        1 => batch().prop_map(Change::BatchGone),
        1 => (batch(), batch()).prop_map(|(from, to)| Change::Renamed(from, to)),
        3 => (user(), batch(), any::<u8>(), prop::bool::weighted(0.8))
            .prop_map(|(user, batch, at, active)| Change::Enrolled(user, batch, at, active)),
        1 => (user(), batch()).prop_map(|(user, batch)| Change::EnrolmentGone(user, batch)),
        3 => (user(), batch(), any::<Option<u8>>(), prop::option::weighted(0.3, any::<u8>()))
            .prop_map(|(user, batch, percent, at)| Change::Progress(user, batch, percent, at)),
        1 => any::<u8>().prop_map(Change::Setting),
    ]
}

/// What the exports of a day hold: keys are the numbers of users and batches, values what is said of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Day {
    users: BTreeMap<u8, u8>,
    batches: BTreeMap<u8, u8>,
    enrolments: BTreeMap<(u8, u8), (u8, bool)>,
    progress: BTreeMap<(u8, u8), (Option<u8>, Option<u8>)>,
    setting: u8,
}

impl Day {
    /// Every user but the last is in every third batch or so.
    pub fn first() -> Self {
        let pairs: BTreeSet<(u8, u8)> = (0..USERS)
            .flat_map(|user| (0..BATCHES).map(move |batch| (user, batch)))
            .filter(|(user, batch)| (user * 5 + batch * 7) % 3 == 0)
            .collect();
        Self {
            users: (0..USERS - 1).map(|user| (user, user)).collect(),
            batches: (0..BATCHES - 2).map(|batch| (batch, batch)).collect(),
            enrolments: pairs.iter().map(|&pair| (pair, (pair.0, true))).collect(),
            progress: pairs.iter().map(|&pair| (pair, (Some(pair.1 * 5), None))).collect(),
            setting: 0,
        }
    }

    pub fn with(mut self, change: &Change) -> Self {
        match *change {
            Change::User(user, version) => _ = self.users.insert(user, version),
            Change::UserGone(user) => _ = self.users.remove(&user),
            Change::Batch(batch, version) => _ = self.batches.insert(batch, version),
            Change::BatchGone(batch) => {
                self.batches.remove(&batch);
                self.enrolments.retain(|key, _| key.1 != batch);
            }
            Change::Renamed(from, to) => {
                if let Some(version) = self.batches.remove(&from) {
                    self.batches.insert(to, version);
                }
                self.enrolments = renamed(self.enrolments, from, to);
                self.progress = renamed(self.progress, from, to);
            }
            Change::Enrolled(user, batch, at, active) => _ = self.enrolments.insert((user, batch), (at, active)),
            Change::EnrolmentGone(user, batch) => _ = self.enrolments.remove(&(user, batch)),
            Change::Progress(user, batch, percent, at) => _ = self.progress.insert((user, batch), (percent, at)),
            Change::Setting(setting) => self.setting = setting,
        }
        self
    }

    /// The settings of the day.
    pub fn config(&self, exports: &Path) -> Config {
        let mut config = Config {
            exports: Some(exports.display().to_string()),
            allow_empty: true,
            ..Config::default()
        };
        match self.setting % 9 {
            1 => config.report.bom = false,
            2 => config.report.crlf = true,
            3 => config.report.same_tenant = true,
            4 => config.report.unknown_users = UnknownUsers::Omit,
            5 => config.report.date_format = "%d.%m.%Y".to_owned(),
            6 => config.timezone = "America/Los_Angeles".parse().expect("a zone"),
            7 => config.report.formula_escape = false,
            8 => config.report.headers = Headers::Language(Language::Hindi),
            _ => {}
        }
        config
    }

    /// Writes the tables of the day.
    pub fn write(&self, exports: &Path, date: NaiveDate) {
        let write = |table: &str, columns: Vec<(&str, ArrayRef)>| {
            let folder = exports.join(table).join(format!("date={date}"));
            fs::create_dir_all(&folder).expect("a folder");
            write_table(&folder.join("part-00000.parquet"), columns);
        };
        write("users", self.user_columns());
        write("batches", self.batch_columns());
        write("enrolments", self.enrolment_columns());
        write("course_progress", self.progress_columns());
    }

    fn user_columns(&self) -> Vec<(&'static str, ArrayRef)> {
        const NAMES: [Option<&str>; 5] = [Some("Asha"), Some("अनीता"), None, Some("=1+1"), Some("a, \"b\"\nc")];
        let name = |number: u8| NAMES[usize::from(number) % NAMES.len()].map(str::to_owned);
        let texts = |text: &dyn Fn(u8, u8) -> Option<String>| -> ArrayRef {
            Arc::new(
                self.users
                    .iter()
                    .map(|(&user, &version)| text(user, version))
                    .collect::<StringArray>(),
            )
        };
        vec![
            ("user_id", texts(&|user, _| Some(user_id(user)))),
            (
                "external_id",
                texts(&|user, version| (version % 3 > 0).then(|| format!("E{user}"))),
            ),
            ("first_name", texts(&|_, version| name(version))),
            ("last_name", texts(&|_, version| name(version / 5))),
            (
                "email",
                texts(&|_, version| (version % 2 > 0).then(|| format!("{version}@example.org"))),
            ),
            ("mobile", texts(&|_, _| None)),
            ("organization_name", texts(&|_, version| name(version / 25))),
            ("district_name", texts(&|_, version| name(version / 50))),
            ("school_name", texts(&|user, version| name(user ^ version))),
            ("block_name", texts(&|_, _| Some("Block".to_owned()))),
            ("tenant_id", texts(&|user, version| tenant_id(user % 3 + version / 128))),
        ]
    }

    fn batch_columns(&self) -> Vec<(&'static str, ArrayRef)> {
        let texts = |text: &dyn Fn(u8, u8) -> Option<String>| -> ArrayRef {
            let batches = self.batches.iter().map(|(&batch, &version)| text(batch, version));
            Arc::new(batches.collect::<StringArray>())
        };
        vec![
            ("batch_id", texts(&|batch, _| Some(batch_id(batch)))),
            ("course_id", texts(&|_, version| Some(format!("c{}", version % 2)))),
            (
                "batch_name",
                texts(&|batch, version| Some(format!("Batch {batch}, version {version}"))),
            ),
            ("tenant_id", texts(&|_, version| tenant_id(version / 2 % 4))),
        ]
    }

    fn enrolment_columns(&self) -> Vec<(&'static str, ArrayRef)> {
        // The inactive ones are of a user whom no other row has.
        let inactive = std::iter::repeat_n(("nobody".to_owned(), batch_id(0), 0, false), INACTIVE);
        let active = self.enrolments.iter();
        let active = active.map(|(key, &(at, active))| (user_id(key.0), batch_id(key.1), at, active));
        let rows: Vec<(String, String, u8, bool)> = active.chain(inactive).collect();
        vec![
            (
                "user_id",
                Arc::new(rows.iter().map(|row| Some(&row.0)).collect::<StringArray>()),
            ),
            (
                "course_id",
                Arc::new(rows.iter().map(|_| Some("c1")).collect::<StringArray>()),
            ),
            (
                "batch_id",
                Arc::new(rows.iter().map(|row| Some(&row.1)).collect::<StringArray>()),
            ),
            ("enrolled_at", times(rows.iter().map(|row| Some(row.2)))),
            (
                "active",
                Arc::new(rows.iter().map(|row| Some(row.3)).collect::<BooleanArray>()),
            ),
        ]
    }

    fn progress_columns(&self) -> Vec<(&'static str, ArrayRef)> {
        let keys = || self.progress.keys();
        let percents = self
            .progress
            .values()
            .map(|row| row.0.map(|percent| f64::from(percent) / 2.0));
        vec![
            (
                "user_id",
                Arc::new(keys().map(|key| Some(user_id(key.0))).collect::<StringArray>()),
            ),
            (
                "course_id",
                Arc::new(keys().map(|_| Some("c1")).collect::<StringArray>()),
            ),
            (
                "batch_id",
                Arc::new(keys().map(|key| Some(batch_id(key.1))).collect::<StringArray>()),
            ),
            ("progress_percent", Arc::new(percents.collect::<Float64Array>())),
            ("completed_at", times(self.progress.values().map(|row| row.1))),
        ]
    }
}

fn renamed<V>(rows: BTreeMap<(u8, u8), V>, from: u8, to: u8) -> BTreeMap<(u8, u8), V> {
    let rename = |batch| if batch == from { to } else { batch };
    rows.into_iter()
        .map(|((user, batch), row)| ((user, rename(batch)), row))
        .collect()
}

/// UUIDs, as platforms make them, and other texts.
fn user_id(user: u8) -> String {
    match user % 3 {
        0 => format!("u{user}"),
        _ => format!("{user:02x}23abcd-89ef-4567-8000-00000000000f"),
    }
}

/// Also an id that is no file name.
fn batch_id(batch: u8) -> String {
    match batch {
        3 => "../b 3".to_owned(),
        7 => "बैच 7".to_owned(),
        _ => format!("b{batch:02}"),
    }
}

fn tenant_id(number: u8) -> Option<String> {
    (number > 0).then(|| format!("t{number}"))
}

/// About midnight of some zones, some hours apart.
fn times(hours: impl Iterator<Item = Option<u8>>) -> ArrayRef {
    const FIRST: i64 = 1_790_000_000_000_000;
    const HOUR: i64 = 3_600_000_000;
    let times = hours.map(|hours| hours.map(|hours| FIRST + i64::from(hours) * HOUR));
    Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

fn write_table(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let rows = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)));
    let rows = rows.expect("columns of one length");
    let mut writer = ArrowWriter::try_new(File::create(path).expect("a file"), rows.schema(), None).expect("a writer");
    writer.write(&rows).expect("written");
    writer.close().expect("closed");
}
