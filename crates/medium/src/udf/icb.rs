//! File entries: what a file is, and where its content lies (ECMA-167, 4/14.6 to 4/14.17).

use super::space::{Block, Space};
use super::tag;
use crate::bytes::{long, wide, word};
use crate::cache::Window;
use crate::pieces::Piece;
use std::io;

const FILE_ENTRY: u16 = 261;
const EXTENDED_FILE_ENTRY: u16 = 266;
const ALLOCATION_EXTENT: u16 = 258;
/// The upper two bits of a length are the kind of the extent.
const LENGTH: u32 = 0x3FFF_FFFF;

/// What a file entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular or real-time file.
    File,
    /// A directory, or a directory of streams.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, FIFO or socket.
    Special,
    /// Something of the file system itself.
    Odd,
}

/// A file entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// What it is.
    pub kind: Kind,
    /// Length of the content.
    pub size_bytes: u64,
    /// Directory of its named streams.
    pub streams: Option<Block>,
    place: Block,
    form: Form,
    descriptors: Vec<u8>,
}

/// How allocation descriptors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Short,
    Long,
    Extended,
    /// The content itself is there.
    Inside,
}

impl Form {
    const fn bytes(self) -> usize {
        match self {
            Self::Short => 8,
            Self::Long => 16,
            Self::Extended => 20,
            Self::Inside => 0,
        }
    }
}

/// The block a long allocation descriptor leads to; `None` when it leads nowhere.
pub fn long_address(raw: &[u8], at: usize) -> Option<Block> {
    (long(raw, at)? & LENGTH > 0).then_some(())?;
    Some(Block { number: long(raw, at + 4)?, partition: word(raw, at + 8)? })
}

impl FileEntry {
    /// Reads an entry; `None` when there is none, or one written in a way only discs written once have (strategy 4096).
    pub fn read(window: &Window, space: &Space, place: Block) -> Option<Self> {
        let raw = space.read(window, place)?;
        let (extended, head) = match tag::identify(&raw)? {
            FILE_ENTRY => (false, 176),
            EXTENDED_FILE_ENTRY => (true, 216),
            _ => return None,
        };
        let kind = match raw.get(27)? {
            5 | 249 => Kind::File,
            4 | 13 => Kind::Directory,
            12 => Kind::Link,
            6 | 7 | 9 | 10 => Kind::Special,
            _ => Kind::Odd,
        };
        let form = match word(&raw, 34)? & 7 {
            0 => Form::Short,
            1 => Form::Long,
            2 => Form::Extended,
            3 => Form::Inside,
            _ => return None,
        };
        let (attributes, descriptors) = (long(&raw, head - 8)? as usize, long(&raw, head - 4)? as usize);
        let from = head.checked_add(attributes)?;
        let descriptors = raw.get(from..from.checked_add(descriptors)?)?.to_vec();
        let streams = if extended { long_address(&raw, 152) } else { None };
        let strategy = word(&raw, 20)?;
        (strategy == 4).then_some(Self { kind, size_bytes: wide(&raw, 56)?, streams, place, form, descriptors })
    }

    /// Where the content lies, piece after piece.
    pub fn pieces<'a>(&self, window: &'a Window, space: &'a Space) -> Box<dyn Iterator<Item = io::Result<Piece>> + 'a> {
        if self.form == Form::Inside {
            return Box::new(std::iter::once(Ok(Piece::here(self.descriptors.clone()))));
        }
        Box::new(Allocations {
            window,
            space,
            form: self.form,
            partition: self.place.partition,
            descriptors: self.descriptors.clone(),
            at: 0,
            chained: false,
            extent: None,
            last: false,
        })
    }
}

/// Part of an extent that is to come.
#[derive(Debug, Clone, Copy)]
struct Coming {
    block: Block,
    bytes: u64,
    recorded: bool,
}

/// Allocation descriptors, with those in the blocks they lead to.
///
/// **Invariant:** each round leads at least one byte further in the file, or ends: a chain of descriptors that has no
/// content on its way, and an extent behind one that is no whole number of blocks, are broken.
#[derive(Debug)]
struct Allocations<'a> {
    window: &'a Window,
    space: &'a Space,
    form: Form,
    partition: u16,
    descriptors: Vec<u8>,
    at: usize,
    /// Whether these descriptors were led to, and nothing of them was content yet.
    chained: bool,
    extent: Option<Coming>,
    /// Whether the last extent ended in the middle of a block.
    last: bool,
}

/// What a descriptor says.
enum Step {
    Extent(Coming),
    Chain(Block),
    End,
}

impl Allocations<'_> {
    fn descriptor(&mut self) -> Option<Step> {
        let Some(raw) = self.descriptors.get(self.at..self.at + self.form.bytes()) else { return Some(Step::End) };
        self.at += self.form.bytes();
        let (length, kind) = (long(raw, 0)? & LENGTH, long(raw, 0)? >> 30);
        let block = match self.form {
            Form::Short | Form::Inside => Block { partition: self.partition, number: long(raw, 4)? },
            Form::Long => Block { number: long(raw, 4)?, partition: word(raw, 8)? },
            Form::Extended => Block { number: long(raw, 12)?, partition: word(raw, 16)? },
        };
        Some(match (length, kind) {
            (0, _) => Step::End,
            (_, 3) => Step::Chain(block),
            _ => Step::Extent(Coming { block, bytes: length.into(), recorded: kind == 0 }),
        })
    }

    fn follow(&mut self, block: Block) -> Option<()> {
        let raw = self.space.read(self.window, block).filter(|raw| tag::identify(raw) == Some(ALLOCATION_EXTENT))?;
        let descriptors = raw.get(24..24usize.checked_add(long(&raw, 20)? as usize)?)?.to_vec();
        // Short descriptors are of the partition they lie in.
        (self.partition, self.descriptors, self.at) = (block.partition, descriptors, 0);
        (!std::mem::replace(&mut self.chained, true)).then_some(())
    }

    /// A piece of the extent that is being given out: as much as lies together.
    fn piece(&mut self, coming: Coming) -> Option<Piece> {
        if !coming.recorded {
            return Some(Piece::zeros(coming.bytes));
        }
        let (at, together) = self.space.place(coming.block)?;
        let bytes = coming.bytes.min(together);
        let rest = coming.bytes - bytes;
        if rest > 0 {
            let blocks = u32::try_from(bytes / self.space.block_bytes).ok().filter(|blocks| *blocks > 0)?;
            let block = Block { number: coming.block.number.checked_add(blocks)?, ..coming.block };
            self.extent = Some(Coming { block, bytes: rest, ..coming });
        }
        Some(Piece::at(at, bytes))
    }

    fn step(&mut self) -> io::Result<Option<Piece>> {
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        if let Some(coming) = self.extent.take() {
            return self.piece(coming).map(Some).ok_or_else(broken);
        }
        loop {
            match self.descriptor().ok_or_else(broken)? {
                Step::End => return Ok(None),
                Step::Chain(block) => self.follow(block).ok_or_else(broken)?,
                Step::Extent(_) if self.last => return Err(broken()),
                Step::Extent(coming) => {
                    self.last = !coming.bytes.is_multiple_of(self.space.block_bytes);
                    self.chained = false;
                    return self.piece(coming).map(Some).ok_or_else(broken);
                }
            }
        }
    }
}

impl Iterator for Allocations<'_> {
    type Item = io::Result<Piece>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
