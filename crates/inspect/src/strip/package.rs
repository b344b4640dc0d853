//! Packages taken apart and put together again: what OOXML and ODF have in common.
//!
//! **Invariant:** a package whose directory and local headers disagree, that names a part twice, outside itself, or
//! hides bytes before its start, is refused: two readers would see two documents.

use super::{Removals, StripError};
use crate::archive::zip::open;
use crate::content::Content;
use crate::xml::{self, XmlError};
use model::ActiveContent;
use std::collections::BTreeSet;
use std::io::{Cursor, Read as _, Write as _};
use wire::Failure;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, ZipArchive};

// BOUND: parts of one package; large presentations have a few thousand.
const MAX_PARTS: usize = 50_000;
// BOUND: a rewritten package may have been packed better; its parts together may hold this many times the output's limit.
const EXPANSION: u64 = 4;
// BOUND: one part in memory, and again as it is rewritten.
const MAX_PART_BYTES: u64 = 256 << 20;

impl From<XmlError> for StripError {
    fn from(error: XmlError) -> Self {
        match error {
            XmlError::Malformed => Self::Malformed,
        }
    }
}

/// The package being read.
pub(super) struct Source<'a> {
    archive: ZipArchive<&'a mut Content>,
    /// Names as written, in directory order; directories left out.
    pub names: Vec<String>,
    left: u64,
    limit: u64,
}

impl<'a> Source<'a> {
    pub(super) fn open(content: &'a mut Content, max_output_bytes: u64) -> Result<Self, StripError> {
        let mut archive = open(content).map_err(|failure| match failure {
            Failure::Encrypted => StripError::Encrypted,
            _ => StripError::Malformed,
        })?;
        if archive.offset() > 0 || archive.len() > MAX_PARTS || archive.validate_header_consistency().is_err() {
            return Err(StripError::Malformed);
        }
        let mut names = Vec::new();
        let mut seen = BTreeSet::new();
        for index in 0..archive.len() {
            let entry = archive.by_index_data(index).map_err(|_| StripError::Malformed)?;
            if entry.encrypted() {
                return Err(StripError::Encrypted);
            }
            let name = std::str::from_utf8(entry.name_raw()).map_err(|_| StripError::Malformed)?.to_owned();
            if !harmless(&name) || !seen.insert(name.to_lowercase()) {
                return Err(StripError::Malformed);
            }
            if !entry.is_dir() {
                names.push(name);
            }
        }
        let left = max_output_bytes.saturating_mul(EXPANSION);
        Ok(Self { archive, names, left, limit: max_output_bytes })
    }

    /// The bytes of a part, counted.
    pub(super) fn read(&mut self, name: &str) -> Result<Vec<u8>, StripError> {
        let index = self.archive.index_for_name_raw(name.as_bytes()).ok_or(StripError::Malformed)?;
        let file = self.archive.by_index(index).map_err(|_| StripError::Malformed)?;
        let most = self.left.min(MAX_PART_BYTES);
        let mut bytes = Vec::new();
        // A wrong size or checksum ends the read with an error.
        file.take(most + 1).read_to_end(&mut bytes).map_err(|_| StripError::Malformed)?;
        if bytes.len() as u64 > most {
            return Err(StripError::Limit(self.limit));
        }
        self.left -= bytes.len() as u64;
        Ok(bytes)
    }
}

/// A name inside the package, and nothing else.
fn harmless(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('/')
        && !name.contains(['\\', '\0', ':'])
        && !name.split('/').any(|part| part == ".." || part == ".")
}

/// The package being written.
pub(super) struct Target {
    writer: ZipWriter<Cursor<Vec<u8>>>,
    limit: u64,
}

impl Target {
    pub(super) fn new(max_output_bytes: u64) -> Self {
        Self { writer: ZipWriter::new(Cursor::new(Vec::new())), limit: max_output_bytes }
    }

    /// Adds a part; `stored` for those that must not be packed (`mimetype`).
    pub(super) fn add(&mut self, name: &str, bytes: &[u8], stored: bool) -> Result<(), StripError> {
        let method = if stored { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        // Packing is for the pipe to the renderer only: the fastest level.
        let level = (!stored).then_some(1);
        let options = SimpleFileOptions::default().compression_method(method).compression_level(level);
        let written = self
            .writer
            .start_file(name, options)
            .map_err(|_| StripError::Malformed)
            .and_then(|()| self.writer.write_all(bytes).map_err(StripError::Read));
        written?;
        let so_far = self.writer.get_ref().map_or(0, |cursor| cursor.get_ref().len() as u64);
        if so_far > self.limit { Err(StripError::Limit(self.limit)) } else { Ok(()) }
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, StripError> {
        let bytes = self.writer.finish().map_err(|_| StripError::Malformed)?.into_inner();
        if bytes.len() as u64 > self.limit { Err(StripError::Limit(self.limit)) } else { Ok(bytes) }
    }
}

/// Runs the XML filter and counts a document type that went.
pub(super) fn filtered(
    bytes: &[u8],
    name: &str,
    removals: &mut Removals,
    mut decide: impl FnMut(&quick_xml::events::BytesStart<'_>, &mut Removals) -> xml::Keep,
) -> Result<Vec<u8>, StripError> {
    let (out, doctype) = xml::filter(bytes, |element| decide(element, removals), || true)?;
    if doctype {
        removals.count(ActiveContent::XmlDoctype, Some(name));
    }
    Ok(out)
}

/// Whether bytes are a compound file, whatever their name says.
pub(super) fn is_compound(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xD0\xCF\x11\xE0")
}
