//! Attachments: the report file as it is, a ZIP archive of it, or none because it is too large.
//!
//! Sizes are counted before the encoding for mail. Base64 turns three bytes into four and adds a line break after each
//! 76 characters, which multiplies the size by 1.369: an attachment of 18 MB is 24.6 MB in the mail, just below the 25
//! MB that common mail services take. So `mail.max_attachment` is the services' limit divided by 1.37, with some room
//! for the text.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::rc::Rc;

use chrono::{Datelike, NaiveDate};
use zip::write::SimpleFileOptions;
use zip::{AesMode, CompressionMethod, DateTime, ZipWriter};

use super::file_name::{archive_name, safe_file_name};
use crate::config::Secret;

/// Size of the buffer for reading and compressing.
const CHUNK_BYTES: usize = 256 * 1024;
/// Room for what is in a mail beside the attachment: headers, the text in two forms, a signature.
const TEXT_BYTES: u64 = 24 * 1024;
/// Base64 turns 57 bytes into a line of 76 characters and CRLF.
const BYTES_OF_LINE: u64 = 57;
const ENCODED_LINE: u64 = 78;

/// How reports are attached.
#[derive(Debug, Clone)]
pub(super) struct AttachmentRules {
    /// The largest attachment, in bytes before encoding.
    pub max_bytes: u64,
    /// Encrypt every report with this password, in a ZIP archive.
    pub zip_password: Option<Secret>,
}

/// A report file to attach.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub path: PathBuf,
    pub name: String,
    pub media_type: &'static str,
    /// The day of the data.
    pub date: NaiveDate,
}

/// A file that goes with a mail.
#[derive(Debug)]
pub(super) struct Attachment {
    /// The file name: safe in headers and on every file system.
    pub name: String,
    pub media_type: &'static str,
    pub packing: Packing,
    pub bytes: Vec<u8>,
}

/// Whether and how an attachment is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Zip,
    ProtectedZip,
}

impl Attachment {
    /// Its form, and its size before encoding.
    pub fn outline(&self) -> (Packing, u64) {
        (self.packing, self.bytes.len() as u64)
    }
}

/// Where on the ladder a report starts: the file, a ZIP archive of it, a link. A refusal for size steps down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ladder {
    step: LadderStep,
    /// The largest attachment, in bytes before encoding.
    max_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LadderStep {
    File,
    Zip,
    Link,
}

impl Ladder {
    /// The whole ladder. `mail_limit`: bytes of the largest mail that the server takes, as it is sent.
    pub fn new(rules: &AttachmentRules, mail_limit: Option<u64>) -> Self {
        let room = mail_limit.map_or(u64::MAX, room_in);
        Self {
            step: LadderStep::File,
            max_bytes: rules.max_bytes.min(room),
        }
    }

    /// The remaining steps after a mail with this attachment was too large; `None` where it had none, because that was
    /// the last step.
    pub fn after(self, refused: Option<(Packing, u64)>, mail_limit: Option<u64>) -> Option<Self> {
        let (packing, bytes) = refused?;
        let room = mail_limit.map_or(u64::MAX, room_in);
        // Where no known limit explains the refusal, an archive that is hardly smaller than the file, such as that of a
        // spreadsheet, would be refused as well.
        let most = if room < bytes { room } else { bytes / 10 * 9 };
        match packing {
            Packing::Plain => Some(Self {
                step: LadderStep::Zip,
                max_bytes: self.max_bytes.min(most),
            }),
            Packing::Zip | Packing::ProtectedZip => Some(Self {
                step: LadderStep::Link,
                max_bytes: 0,
            }),
        }
    }
}

/// Bytes before encoding that fit into a mail of this size.
fn room_in(mail_bytes: u64) -> u64 {
    mail_bytes.saturating_sub(TEXT_BYTES) / ENCODED_LINE * BYTES_OF_LINE
}

/// The report file as an attachment, by the first step of the ladder that it fits on; `None` where it is too large even
/// when packed. The attachment is the only copy in memory, and nothing is left on the disk. Blocks.
pub(super) fn attach(source: &Source, rules: &AttachmentRules, ladder: Ladder) -> io::Result<Option<Attachment>> {
    if ladder.step == LadderStep::Link {
        return Ok(None);
    }
    let name = safe_file_name(&source.name);
    let bytes = File::open(&source.path)?.metadata()?.len();
    if rules.zip_password.is_none() && ladder.step == LadderStep::File && bytes <= ladder.max_bytes {
        return Ok(Some(Attachment {
            name,
            media_type: source.media_type,
            packing: Packing::Plain,
            bytes: std::fs::read(&source.path)?,
        }));
    }
    let packing = match rules.zip_password {
        Some(_) => Packing::ProtectedZip,
        None => Packing::Zip,
    };
    let packed = pack(source, bytes, &name, rules, ladder.max_bytes)?;
    Ok(packed.map(|bytes| Attachment {
        name: archive_name(&name),
        media_type: "application/zip",
        packing,
        bytes,
    }))
}

/// A ZIP archive with the one file, or `None` as soon as it grows beyond the limit. Without a password the same file
/// gives the same bytes: the archive bears the day of the data, and no other time.
fn pack(
    source: &Source,
    bytes: u64,
    name: &str,
    rules: &AttachmentRules,
    max_bytes: u64,
) -> io::Result<Option<Vec<u8>>> {
    let mut options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(time_in_archive(source.date))
        .unix_permissions(0o600)
        .large_file(bytes >= zip::ZIP64_BYTES_THR);
    if let Some(password) = &rules.zip_password {
        options = options.with_aes_encryption(AesMode::Aes256, password.reveal());
    }
    let is_full = Rc::new(Cell::new(false));
    let mut archive = ZipWriter::new(Bounded {
        bytes: Cursor::new(Vec::new()),
        limit: max_bytes,
        is_full: Rc::clone(&is_full),
    });
    archive.start_file(name, options)?;
    let mut file = File::open(&source.path)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 || is_full.get() {
            break;
        }
        archive.write_all(&chunk[..read])?;
    }
    let packed = archive.finish()?;
    Ok((!is_full.get()).then(|| packed.bytes.into_inner()))
}

/// The start of the day as a ZIP timestamp, which has no zone and covers 1980 to 2107.
fn time_in_archive(date: NaiveDate) -> DateTime {
    let year = u16::try_from(date.year()).unwrap_or_default();
    // Months and days fit into a byte.
    let (month, day) = (date.month() as u8, date.day() as u8);
    DateTime::from_date_and_time(year, month, day, 0, 0, 0).unwrap_or_default()
}

/// A buffer in memory with a limit. Bytes beyond it are dropped and noted, without an error, because the archive must
/// be finished in any case.
struct Bounded {
    bytes: Cursor<Vec<u8>>,
    limit: u64,
    is_full: Rc<Cell<bool>>,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.position() + bytes.len() as u64 > self.limit {
            self.is_full.set(true);
        }
        if self.is_full.get() {
            return Ok(bytes.len());
        }
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::NamedTempFile;
    use zip::ZipArchive;

    use super::*;

    fn file_of(content: &[u8]) -> NamedTempFile {
        let mut file = NamedTempFile::new().expect("a file");
        file.write_all(content).expect("written");
        file
    }

    fn rules(max_bytes: u64, password: Option<&str>) -> AttachmentRules {
        AttachmentRules {
            max_bytes,
            zip_password: password.map(|text| text.to_owned().into()),
        }
    }

    fn attached(content: &[u8], rules: &AttachmentRules) -> Option<Attachment> {
        attached_by(content, rules, Ladder::new(rules, None))
    }

    fn attached_by(content: &[u8], rules: &AttachmentRules, ladder: Ladder) -> Option<Attachment> {
        let file = file_of(content);
        let source = Source {
            path: file.path().to_owned(),
            name: "report.csv".to_owned(),
            media_type: "text/csv",
            date: "2026-11-22".parse().expect("a date"),
        };
        attach(&source, rules, ladder).expect("a readable file")
    }

    fn unpacked(zip: &[u8], password: Option<&str>) -> Option<Vec<u8>> {
        let mut archive = ZipArchive::new(Cursor::new(zip)).expect("an archive");
        assert_eq!(archive.len(), 1);
        let mut file = match password {
            Some(password) => archive.by_index_decrypt(0, password.as_bytes()),
            None => archive.by_index(0),
        }
        .ok()?;
        assert_eq!(file.name().expect("a name"), "report.csv");
        let mut content = Vec::new();
        file.read_to_end(&mut content).ok()?;
        Some(content)
    }

    /// Bytes that compression does not make smaller.
    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 1u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        std::iter::repeat_with(next).take(bytes).collect()
    }

    #[test]
    fn a_report_takes_the_first_step_that_it_fits_on() {
        let text = "0123456789,".repeat(1000).into_bytes();
        let size = text.len() as u64;

        let plain = attached(&text, &rules(size, None)).expect("attached");
        assert_eq!((plain.packing, plain.name.as_str()), (Packing::Plain, "report.csv"));
        assert_eq!(plain.bytes, text);

        let zip = attached(&text, &rules(size - 1, None)).expect("attached");
        assert_eq!((zip.packing, zip.name.as_str()), (Packing::Zip, "report.zip"));
        assert!(zip.bytes.len() < text.len() / 4);
        assert_eq!(unpacked(&zip.bytes, None).expect("readable"), text);

        assert!(attached(&noise(11_000), &rules(10_999, None)).is_none());
    }

    #[test]
    fn the_limit_is_exact_for_archives_too() {
        let text = "a,b,c\n".repeat(5000).into_bytes();
        let size = attached(&text, &rules(5000, None)).expect("attached").bytes.len() as u64;
        assert!(attached(&text, &rules(size, None)).is_some());
        assert!(attached(&text, &rules(size - 1, None)).is_none());
    }

    #[test]
    fn the_server_s_limit_bounds_each_step() {
        let text = "0123456789,".repeat(10_000).into_bytes();
        let rules = rules(1_000_000, None);
        let by = |limit| attached_by(&text, &rules, Ladder::new(&rules, Some(limit)));
        let packing = |limit| by(limit).map(|attachment| attachment.packing);
        // 110,000 bytes are 150,527 and more in a mail.
        assert_eq!(packing(180_000), Some(Packing::Plain));
        assert_eq!(packing(150_000), Some(Packing::Zip));
        assert_eq!(packing(TEXT_BYTES), None);
        let encoded = by(180_000).expect("attached").bytes.len() as u64 * ENCODED_LINE / BYTES_OF_LINE + TEXT_BYTES;
        assert!(encoded <= 180_000, "{encoded}");
    }

    #[test]
    fn a_refusal_for_size_steps_down() {
        let rules = rules(1_000_000, None);
        let whole = Ladder::new(&rules, None);
        let text = "0123456789,".repeat(1000).into_bytes();
        let plain = attached(&text, &rules).expect("attached");
        let zip = whole.after(Some(plain.outline()), None).expect("a step");
        let packed = attached_by(&text, &rules, zip).expect("attached");
        assert_eq!(packed.packing, Packing::Zip);
        let link = zip.after(Some(packed.outline()), None).expect("a step");
        assert!(attached_by(&text, &rules, link).is_none());
        assert!(link.after(None, None).is_none());
        // A file that compression does not make smaller is sent as a link at once.
        let noise = noise(11_000);
        let plain = attached(&noise, &rules).expect("attached");
        let zip = whole.after(Some(plain.outline()), None).expect("a step");
        assert!(attached_by(&noise, &rules, zip).is_none());
        // So is one that does not fit into the learned limit.
        let zip = whole.after(Some(plain.outline()), Some(TEXT_BYTES)).expect("a step");
        assert!(attached_by(&text, &rules, zip).is_none());
    }

    #[test]
    fn an_archive_that_fits_into_a_known_limit_is_sent() {
        let rules = rules(1_000_000, None);
        let whole = Ladder::new(&rules, None);
        // Its archive has more than nine tenths of its size.
        let content = [noise(10_300), vec![b'a'; 700]].concat();
        let plain = attached(&content, &rules).expect("attached").outline();
        let packed = |limit: Option<u64>| {
            let zip = whole.after(Some(plain), limit).expect("a step");
            attached_by(&content, &rules, zip).map(|attachment| attachment.packing)
        };
        let limit_of = |bytes: u64| bytes.div_ceil(BYTES_OF_LINE) * ENCODED_LINE + TEXT_BYTES;
        assert_eq!(packed(Some(limit_of(10_800))), Some(Packing::Zip));
        assert_eq!(packed(Some(limit_of(10_000))), None);
        // A limit that the file would have fit into was not the reason for the refusal.
        assert_eq!(packed(Some(limit_of(20_000))), None);
        assert_eq!(packed(None), None);
    }

    #[test]
    fn the_file_in_an_archive_bears_the_day_of_the_data() {
        let text = "a,b,c\n".repeat(5000).into_bytes();
        let zip = attached(&text, &rules(5000, None)).expect("attached").bytes;
        let mut archive = ZipArchive::new(Cursor::new(zip)).expect("an archive");
        let time = archive.by_index(0).expect("a file").last_modified().expect("a time");
        assert_eq!((time.year(), time.month(), time.day(), time.hour()), (2026, 11, 22, 0));
        assert_eq!(
            time_in_archive(NaiveDate::from_ymd_opt(1970, 1, 1).expect("a date")),
            DateTime::default()
        );
    }

    #[test]
    fn the_same_file_gives_the_same_archive() {
        let text = "a,b,c\n".repeat(5000).into_bytes();
        let zip = || attached(&text, &rules(5000, None)).expect("attached").bytes;
        assert_eq!(zip(), zip());
    }

    #[test]
    fn a_password_is_needed_to_read_a_protected_archive() {
        let text = b"External ID,User ID\n,u1\n";
        let zip = attached(text, &rules(1_000_000, Some("geheim ✓"))).expect("attached");
        assert_eq!((zip.packing, zip.name.as_str()), (Packing::ProtectedZip, "report.zip"));
        assert_eq!(unpacked(&zip.bytes, Some("geheim ✓")).expect("readable"), text);
        assert_eq!(unpacked(&zip.bytes, Some("other")), None);
        assert_eq!(unpacked(&zip.bytes, None), None);
        assert!(!zip.bytes.windows(7).any(|part| part == b"User ID"));
    }

    #[test]
    fn eighteen_megabytes_stay_below_the_limit_of_common_mail_services() {
        let encoded = lettre::message::Body::new_with_encoding(
            vec![0u8; 18_000_000],
            lettre::message::header::ContentTransferEncoding::Base64,
        );
        let length = encoded.expect("encoded").len();
        assert!((24_600_000..24_700_000).contains(&length), "{length}");
    }
}
