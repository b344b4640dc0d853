//! What every reader of a file system does, and which reader takes a volume.
//!
//! **How to add a file system:** one module with an `open` like [`fat::open`], and one line in [`open`].

use crate::cache::Window;
use crate::stream::{Inventory, ReadError, ReadLimits};
use crate::{encrypted, exfat, ext, fat, iso, ntfs, udf};
use std::io::Write;
use wire::FrameWriter;

/// An opened file system.
///
/// **Invariant (I3):** every entry is sent, in whatever state it is; an entry or directory that cannot be read is an
/// `Unreadable` one, never left out and never a shorter one.
pub(crate) trait FileSystem<W: Write> {
    /// Its name in the report: `fat32`, `ntfs` …
    fn kind(&self) -> &'static str;

    /// Sends every entry below `root`, and keeps which of them have content.
    ///
    /// # Errors
    /// Limits, or the supervisor gone; a directory that cannot be read is an entry, not an error.
    fn inventory(&mut self, root: &[Vec<u8>], inventory: &mut Inventory<'_, W>) -> Result<(), ReadError>;

    /// Sends the content of every entry that has some ([`wire::EntryKind::has_content`]), in the order of the inventory.
    ///
    /// # Errors
    /// The supervisor gone; what cannot be read ends with its offset.
    fn send_files(&self, limits: &ReadLimits, out: &mut FrameWriter<W>) -> Result<(), ReadError>;
}

/// Opens a volume, when it is one of its kind and not too broken to walk.
type Reader<W> = fn(Window) -> Option<Box<dyn FileSystem<W>>>;

/// What a volume turned out to be.
pub(crate) enum Opened<W> {
    /// A file system; its entries can be read.
    FileSystem {
        /// The first that was found.
        volume: Box<dyn FileSystem<W>>,
        /// The names of others that begin in the same place, whose entries nobody reads.
        others: Vec<&'static str>,
    },
    /// An encrypted volume, by its name.
    Encrypted(&'static str),
    /// Nothing any reader knows.
    Unknown,
}

/// Opens a volume with the reader that knows it.
///
/// Encrypted volumes come first: their headers are made to look like a boot sector of something else. Discs come last: what
/// they leave free at their beginning is where the other file systems begin, and who formats a stick that once was a disc
/// may leave the disc's descriptors where they are.
pub(crate) fn open<W: Write>(window: &Window) -> Opened<W> {
    if let Some(name) = encrypted::recognise(window) {
        return Opened::Encrypted(name);
    }
    let readers: [Reader<W>; 6] = [fat::open, exfat::open, ntfs::open, ext::open, iso::open, udf::open];
    // What is left of an earlier format is looked at only where nothing else begins.
    let copies: [Reader<W>; 2] = [exfat::open_by_copy, ntfs::open_by_copy];
    let Some(volume) = readers.iter().chain(&copies).find_map(|reader| reader(window.again())) else {
        return encrypted::recognise_by_copy(window).map_or(Opened::Unknown, Opened::Encrypted);
    };
    let others = others(volume.kind(), window).collect();
    Opened::FileSystem { volume, others }
}

/// The names of other file systems that begin in the same volume. Only where their magic number stands is looked at more
/// closely: what is read for this may be content, which is read once (I4).
fn others(kind: &str, window: &Window) -> impl Iterator<Item = &'static str> {
    let is = |at, magics: &[&[u8]]| {
        let mut found = [0u8; 5];
        let there = window.read_exact_at(at, &mut found).is_ok();
        magics.iter().any(|magic| there && found.starts_with(magic))
    };
    // A bridge disc is ISO 9660 and UDF, and the reader of the first looks at both.
    let is_disc = kind == iso::KIND || kind == udf::KIND;
    let ext = !kind.starts_with("ext") && is(1_024 + 56, &[b"\x53\xEF"]);
    let disc = !is_disc && is(0x8001, &[b"CD001", b"BEA01"]);
    let opens = |wanted: bool, reader: Reader<Vec<u8>>| if wanted { reader(window.again()) } else { None };
    let found = [opens(ext, ext::open), opens(disc, iso::open).or_else(|| opens(disc, udf::open))];
    found.into_iter().flatten().map(|volume| volume.kind())
}
