//! File identifier descriptors (ECMA-167, 4/14.4), and names (UDF 2.60, 2.1.1).

use super::icb::long_address;
use super::space::Block;
use super::tag;
use crate::bytes::word;
use crate::pieces::{Piece, Pieces};
use std::io;

const FILE_IDENTIFIER: u16 = 257;
const DIRECTORY: u8 = 0x02;
const DELETED: u8 = 0x04;
const PARENT: u8 = 0x08;
/// Bytes before the parts of changing length.
const HEAD_BYTES: usize = 38;

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    /// Name, as UTF-8; foreign, may be anything.
    pub name: Vec<u8>,
    /// File entry; `None` when it leads nowhere.
    pub icb: Option<Block>,
    /// Bytes it takes.
    pub bytes: u64,
    characteristics: u8,
}

impl Identifier {
    /// Reads the next one out of the content of a directory; `None` at its end.
    ///
    /// # Errors
    /// When the content breaks off or is none.
    pub fn next<I: Iterator<Item = io::Result<Piece>>>(content: &mut Pieces<'_, I>) -> io::Result<Option<Self>> {
        let mut raw = vec![0; HEAD_BYTES];
        match content.fill(&mut raw)? {
            0 => return Ok(None),
            HEAD_BYTES => {}
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        let name_bytes = usize::from(*raw.get(19).ok_or_else(broken)?);
        let use_bytes = usize::from(word(&raw, 36).ok_or_else(broken)?);
        let name_at = HEAD_BYTES + use_bytes;
        raw.resize((name_at + name_bytes).next_multiple_of(4), 0);
        let rest = raw.get_mut(HEAD_BYTES..).unwrap_or_default();
        if content.fill(rest)? != rest.len() || tag::identify(&raw) != Some(FILE_IDENTIFIER) {
            return Err(broken());
        }
        let name = raw.get(name_at..name_at + name_bytes).unwrap_or_default();
        let characteristics = *raw.get(18).ok_or_else(broken)?;
        Ok(Some(Self { name: decoded(name), icb: long_address(&raw, 20), bytes: raw.len() as u64, characteristics }))
    }

    /// Whether it names nothing any more.
    pub const fn is_deleted(&self) -> bool {
        self.characteristics & DELETED != 0
    }

    /// Whether it leads to the directory above.
    pub const fn is_parent(&self) -> bool {
        self.characteristics & (PARENT | DIRECTORY) == PARENT | DIRECTORY && self.name.is_empty()
    }
}

/// A name: eight or sixteen bits a character, as its first byte says. Another first byte is no way to write names, and
/// they are taken as they lie.
fn decoded(raw: &[u8]) -> Vec<u8> {
    match raw {
        [8, name @ ..] => name.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes(),
        [16, name @ ..] => {
            let units: Vec<u16> = name.chunks(2).map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte))).collect();
            String::from_utf16_lossy(&units).into_bytes()
        }
        other => other.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_eight_or_sixteen_bits() {
        assert_eq!(decoded(b"\x08gr\xFC\xDFe"), "grüße".as_bytes());
        assert_eq!(decoded(&[16, 0x65, 0xE5, 0xD8, 0x3D, 0xDE, 0x00]), "日😀".as_bytes());
        assert_eq!(decoded(&[254, 1]), [254, 1]);
        assert_eq!(decoded(&[]), b"");
    }
}
