//! Samples for analysts: the original of a hold and its record as an encrypted ZIP archive.
//!
//! **Invariant:** the content goes in as it is and under a name of ours; nothing of it is parsed.

use crate::content::Content;
use std::io::{self, Seek as _, SeekFrom, Write};
use wire::{SAMPLE_PASSWORD, WireError};
use zip::result::ZipResult;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{AesMode, CompressionMethod};

/// Name of the record inside.
const RECORD_NAME: &str = "record.json";

/// Why a sample could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The content gave a read error.
    #[error("the content cannot be read")]
    Read,
    /// The archive could not be handed on.
    #[error("handing on the sample failed: {0}")]
    Sink(#[source] WireError),
}

/// Packs `content` as `name`, and `record` as `record.json`, into a ZIP archive encrypted with [`SAMPLE_PASSWORD`] (AES-256,
/// WinZip AE-2), not compressed, so that its length says what it must be.
///
/// # Errors
/// [`PackError`].
pub fn pack(
    content: &mut Content,
    name: &str,
    record: &[u8],
    sink: &mut dyn FnMut(&[u8]) -> Result<(), WireError>,
) -> Result<(), PackError> {
    let mut outlet = Outlet { sink, failed: None };
    match write(content, name, record, &mut outlet) {
        Ok(()) => Ok(()),
        Err(_) => Err(outlet.failed.map_or(PackError::Read, PackError::Sink)),
    }
}

fn write(content: &mut Content, name: &str, record: &[u8], outlet: &mut Outlet<'_>) -> ZipResult<()> {
    let mut writer = ZipWriter::new_stream(outlet);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(true)
        .with_aes_encryption(AesMode::Aes256, SAMPLE_PASSWORD);
    writer.start_file(name, options)?;
    content.seek(SeekFrom::Start(0))?;
    io::copy(content, &mut writer)?;
    writer.start_file(RECORD_NAME, options)?;
    writer.write_all(record)?;
    writer.finish().map(drop)
}

/// Bytes on their way to the sink, and what it said.
struct Outlet<'a> {
    sink: &'a mut dyn FnMut(&[u8]) -> Result<(), WireError>,
    failed: Option<WireError>,
}

impl Write for Outlet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // BOUND: a frame takes more than this; io::copy hands over less anyway.
        let piece = bytes.get(..64 << 10).unwrap_or(bytes);
        match (self.sink)(piece) {
            Ok(()) => Ok(piece.len()),
            Err(error) => {
                self.failed = Some(error);
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Read as _};
    use zip::read::ZipArchive;

    #[test]
    fn the_password_opens_what_was_packed_and_no_other() {
        let mut packed = Vec::new();
        let mut sink = |bytes: &[u8]| {
            packed.extend_from_slice(bytes);
            Ok(())
        };
        pack(&mut Content::from_bytes(b"MZ hostile".repeat(20_000)), "aa.sample", b"{}", &mut sink).unwrap();
        assert!(!packed.windows(7).any(|window| window == b"hostile"));
        let mut archive = ZipArchive::new(Cursor::new(packed)).unwrap();
        let mut content = Vec::new();
        archive.by_name_decrypt("aa.sample", SAMPLE_PASSWORD.as_bytes()).unwrap().read_to_end(&mut content).unwrap();
        assert_eq!(content, b"MZ hostile".repeat(20_000));
        assert!(archive.by_name_decrypt(RECORD_NAME, b"other").is_err());
    }
}
