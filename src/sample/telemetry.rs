//! Telemetry of the platform: newline JSON, compressed, in the folder of the day it arrived.
//!
//! A quarter of the events are clicks on "Download File"; the others are further kinds of events. Some clicks arrive
//! late, some twice, some name no batch or several, and a few lines are malformed.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::SampleError;
use super::batches::Batches;
use super::draws::{Draws, Stream, uuid_text};
use super::people::People;
use super::plan::{DAY, Plan};
use super::write::day_folder;

pub(super) const TELEMETRY: &str = "telemetry";

/// Lines of a file.
const FILE_LINES: usize = 500_000;
/// Days until the latest events arrive.
const MOST_LATE: i64 = 4 * DAY;

/// What telemetry is drawn from.
pub(super) struct Telemetry<'a> {
    pub plan: &'a Plan,
    pub people: &'a People,
    pub batches: &'a Batches,
    /// The number of lines over all days.
    pub lines: usize,
    /// Clicks of a day that arrive again on the next one.
    again: Vec<String>,
}

impl<'a> Telemetry<'a> {
    pub fn new(plan: &'a Plan, people: &'a People, batches: &'a Batches, lines: usize) -> Self {
        Self {
            plan,
            people,
            batches,
            lines,
            again: Vec::new(),
        }
    }

    /// Writes the lines that arrive on that day.
    pub fn write_day(&mut self, day: usize, out: &Path) -> Result<(), SampleError> {
        let folder = day_folder(out, TELEMETRY, self.plan.dates[day]);
        fs::create_dir_all(&folder).map_err(|reason| SampleError::io(&folder, reason))?;
        let days = self.plan.dates.len();
        let lines = self.lines / days + usize::from(day < self.lines % days);
        for (file, first) in (0..lines).step_by(FILE_LINES).enumerate() {
            let path = folder.join(format!("events-{file:05}.json.gz"));
            let unfinished = folder.join(format!(".events-{file:05}.json.gz.tmp"));
            let lines = FILE_LINES.min(lines - first);
            self.write_file(&unfinished, day, file, lines)
                .and_then(|()| fs::rename(&unfinished, &path))
                .map_err(|reason| SampleError::io(&path, reason))?;
        }
        Ok(())
    }

    fn write_file(&mut self, path: &Path, day: usize, file: usize, lines: usize) -> std::io::Result<()> {
        let mut text = GzEncoder::new(BufWriter::new(File::create(path)?), Compression::fast());
        // Each day and file has its own stream; no day has that many files.
        let mut draws = Draws::new(self.plan.seed, Stream::Telemetry, day * 1_000_000 + file);
        for line in std::mem::take(&mut self.again) {
            text.write_all(line.as_bytes())?;
        }
        for _ in 0..lines {
            match draws.below(1000) {
                0 => text.write_all(draw_damage(&mut draws))?,
                1..=249 => {
                    let line = self.draw_click(day, &mut draws);
                    text.write_all(line.as_bytes())?;
                    if draws.chance(0.002) {
                        self.again.push(line);
                    }
                }
                _ => text.write_all(self.draw_other(day, &mut draws).as_bytes())?,
            }
        }
        text.finish()?.flush()
    }

    fn draw_time(&self, day: usize, draws: &mut Draws) -> i64 {
        let latest = if draws.chance(0.01) { MOST_LATE } else { DAY };
        self.plan.day_end(day) - draws.between(1, latest)
    }

    fn draw_click(&self, day: usize, draws: &mut Draws) -> String {
        const UNKNOWN_BATCH: &str = "01999999999999999999";
        let ets = self.draw_time(day, draws);
        let batch = &self.batches.all()[draws.skewed(self.batches.all().len())];
        let other = &self.batches.all()[draws.below(self.batches.all().len())].id;
        let staff = batch.staff();
        let user = uuid_text(self.people.id(staff[draws.skewed(staff.len())]));
        let kind = draws.pick(&["Batch", "Batch", "Batch", "batch", "BATCH"]);
        let id = draws.pick(&["download-progress-report", "download-progress-report", "download"]);
        let mid = draws.bits();
        let oddity = draws.below(200);
        let ets = match oddity {
            0 => format!("\"{ets}\""),
            1 => format!("{ets}.0"),
            _ => ets.to_string(),
        };
        let cdata = match oddity {
            2 => "null".to_owned(),
            3 => "[]".to_owned(),
            4 => format!(
                r#"[{{"id":"{}","type":"{kind}"}},{{"id":"{other}","type":"batch"}}]"#,
                batch.id
            ),
            5 => format!(r#"[{{"id":"{UNKNOWN_BATCH}","type":"{kind}"}}]"#),
            6 => r#""none""#.to_owned(),
            _ => format!(
                r#"[{{"id":"{}","type":"Course"}},{{"id":"{}","type":"{kind}"}}]"#,
                batch.course_id, batch.id
            ),
        };
        let (course, tenant) = (&batch.course_id, self.plan.tenants.id(batch.tenant));
        format!(
            r#"{{"eid":"INTERACT","ets":{ets},"ver":"3.0","mid":"INTERACT:{mid:032x}","actor":{{"id":"{user}","type":"User"}},"context":{{"channel":"{tenant}","pdata":{{"id":"sample.portal","ver":"8.1","pid":"portal"}},"env":"course","sid":"","cdata":{cdata},"rollup":{{"l1":"{tenant}"}}}},"object":{{"id":"{course}","type":"Course","ver":"1","rollup":{{}}}},"edata":{{"id":"{id}","type":"click","pageid":"course-progress-dashboard","extra":{{"pos":[]}}}},"tags":["{tenant}"]}}"#
        ) + "\n"
    }

    fn draw_other(&self, day: usize, draws: &mut Draws) -> String {
        let ets = self.draw_time(day, draws);
        let user = uuid_text(self.people.id(draws.below(self.plan.users_on(day))));
        let eid = draws.pick(&["IMPRESSION", "INTERACT", "START", "END", "LOG", "ASSESS"]);
        let (id, page) = *draws.pick(&[
            &("download", "content-player"),
            &("play", "course-player"),
            &("search", "explore"),
            &("filter", "course-progress-dashboard"),
        ]);
        let mid = draws.bits();
        format!(
            r#"{{"eid":"{eid}","ets":{ets},"ver":"3.0","mid":"{eid}:{mid:032x}","actor":{{"id":"{user}","type":"User"}},"context":{{"channel":"sample","pdata":{{"id":"sample.portal","ver":"8.1","pid":"portal"}},"env":"player","cdata":[]}},"object":{{"id":"do_{ets}","type":"Content","ver":"1"}},"edata":{{"id":"{id}","type":"click","pageid":"{page}","duration":12.5,"uri":"\/play\/\u0915"}},"tags":[]}}"#
        ) + "\n"
    }
}

/// A malformed line.
fn draw_damage(draws: &mut Draws) -> &'static [u8] {
    let kinds: [&[u8]; 6] = [
        b"{\"eid\":\"INTERACT\",\"ets\":17951526000",
        b"\n",
        b"[]\n",
        b"{\"mid\":\"without eid\"}\n",
        b"java.net.SocketException: Connection reset\n",
        b"{\"eid\":\"INTERACT\",\"mid\":\"\xff\xfe\"}\n",
    ];
    kinds[draws.below(kinds.len())]
}
