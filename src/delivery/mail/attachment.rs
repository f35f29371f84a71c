//! What of a report goes into the mail: the file as it is, a ZIP archive of it, or nothing because it is too large.
//!
//! Sizes are counted before the encoding for mail. Base64 makes four bytes of three and adds a line break after each 76
//! characters, which is 1.369 bytes for one: an attachment of 18 MB is 24.6 MB in the mail, just below the 25 MB that common
//! mail services take. So `mail.max_attachment` is the services' limit divided by 1.37, with some room for the text.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::rc::Rc;

use zip::write::SimpleFileOptions;
use zip::{AesMode, CompressionMethod, DateTime, ZipWriter};

use super::file_name::{archive_name, safe_file_name};
use crate::config::Secret;
use crate::delivery::request::FileFormat;

/// What is read, packed and checked at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// How reports are attached.
#[derive(Debug, Clone)]
pub(super) struct AttachmentRules {
    /// The largest attachment, in bytes before encoding.
    pub max_bytes: u64,
    /// Pack every report under this password.
    pub zip_password: Option<Secret>,
}

/// A file that goes with a mail.
#[derive(Debug)]
pub(super) struct Attachment {
    /// Safe in headers and on every system.
    pub name: String,
    pub media_type: &'static str,
    pub packing: Packing,
    pub bytes: Vec<u8>,
}

/// Whether an attachment is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Zip,
    ProtectedZip,
}

/// The report file as an attachment, by the first step of the ladder that it fits on; `None` where it is too large even when
/// packed. The attachment is the only copy in memory, and nothing is left on the disk. Blocks.
pub(super) fn attach(
    file: &Path,
    name: &str,
    format: FileFormat,
    rules: &AttachmentRules,
) -> io::Result<Option<Attachment>> {
    let name = safe_file_name(name);
    let bytes = File::open(file)?.metadata()?.len();
    if rules.zip_password.is_none() && bytes <= rules.max_bytes {
        return Ok(Some(Attachment {
            name,
            media_type: format.media_type(),
            packing: Packing::Plain,
            bytes: std::fs::read(file)?,
        }));
    }
    let packing = match rules.zip_password {
        Some(_) => Packing::ProtectedZip,
        None => Packing::Zip,
    };
    let packed = pack(file, bytes, &name, rules)?;
    Ok(packed.map(|bytes| Attachment {
        name: archive_name(&name),
        media_type: "application/zip",
        packing,
        bytes,
    }))
}

/// A ZIP archive with the one file, or `None` as soon as it grows beyond the limit. Without a password the same file gives
/// the same bytes: the archive bears no time.
fn pack(file: &Path, bytes: u64, name: &str, rules: &AttachmentRules) -> io::Result<Option<Vec<u8>>> {
    let mut options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o600)
        .large_file(bytes >= zip::ZIP64_BYTES_THR);
    if let Some(password) = &rules.zip_password {
        options = options.with_aes_encryption(AesMode::Aes256, password.reveal());
    }
    let is_full = Rc::new(Cell::new(false));
    let mut archive = ZipWriter::new(Bounded {
        bytes: Cursor::new(Vec::new()),
        limit: rules.max_bytes,
        is_full: Rc::clone(&is_full),
    });
    archive.start_file(name, options)?;
    let mut source = File::open(file)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = source.read(&mut chunk)?;
        if read == 0 || is_full.get() {
            break;
        }
        archive.write_all(&chunk[..read])?;
    }
    let packed = archive.finish()?;
    Ok((!is_full.get()).then(|| packed.bytes.into_inner()))
}

/// Bytes in memory up to a limit. What goes beyond is dropped and noted, not an error: an archive must be closed in any case.
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
        let file = file_of(content);
        attach(file.path(), "report.csv", FileFormat::Csv, rules).expect("a readable file")
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

    /// Bytes that do not get smaller.
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
