//! Directory records (ECMA-119, section 9.1).

/// Bytes of a logical sector, and of the logical blocks of every disc this reader takes.
pub const SECTOR_BYTES: u64 = 2_048;

/// A directory record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// First byte of the content on the volume, behind its extended attributes.
    pub at: u64,
    /// Bytes of this extent.
    pub bytes: u64,
    /// Whether the content lies in units with gaps between them.
    pub interleaved: bool,
    /// Number of the disc, in a set of several, that has the content.
    pub disc: u16,
    /// File flags.
    pub flags: u8,
    /// Identifier, raw.
    pub identifier: Vec<u8>,
    /// System use area.
    pub system_use: Vec<u8>,
}

impl Record {
    const DIRECTORY: u8 = 0x02;
    const ASSOCIATED: u8 = 0x04;
    const CONTINUED: u8 = 0x80;
    /// Bytes before the identifier.
    const HEAD_BYTES: usize = 33;

    /// Reads a record; `raw` begins with it and may be longer. `None` when it does not fit.
    pub fn read(raw: &[u8]) -> Option<Self> {
        let raw = raw.get(..usize::from(*raw.first()?))?;
        let long = |at: usize| raw.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let byte = |at: usize| raw.get(at).copied();
        let name_bytes = usize::from(byte(32)?);
        let name_end = Self::HEAD_BYTES + name_bytes;
        // Behind an identifier of even length stands a byte that fills up.
        let system_use = raw.get(name_end + usize::from(name_bytes.is_multiple_of(2))..).unwrap_or_default();
        Some(Self {
            at: (u64::from(long(2)?) + u64::from(byte(1)?)) * SECTOR_BYTES,
            bytes: long(10)?.into(),
            interleaved: byte(26)? != 0 || byte(27)? != 0,
            disc: u16::from_le_bytes([byte(28)?, byte(29)?]),
            flags: byte(25)?,
            identifier: raw.get(Self::HEAD_BYTES..name_end)?.to_vec(),
            system_use: system_use.to_vec(),
        })
    }

    /// Whether it names a directory.
    pub const fn is_directory(&self) -> bool {
        self.flags & Self::DIRECTORY != 0
    }

    /// Whether it is the second content of the file of the same name (a resource fork, mostly).
    pub const fn is_associated(&self) -> bool {
        self.flags & Self::ASSOCIATED != 0
    }

    /// Whether the next record has the next extent of the same file.
    pub const fn continues(&self) -> bool {
        self.flags & Self::CONTINUED != 0
    }

    /// Whether it is `.` or `..`, whose identifiers are the bytes 0 and 1.
    pub fn is_dot(&self) -> bool {
        self.is_directory() && matches!(self.identifier.as_slice(), [0 | 1])
    }
}
