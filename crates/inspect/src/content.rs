//! A view on the bytes of one item, read by position.
//!
//! **Invariant:** the length is taken once; nothing is read beyond it, even when the file grows.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;

// BOUND: one buffer for the many tiny reads of the zip and OLE2 readers; large enough that system calls do not matter.
const BUFFER_BYTES: usize = 64 * 1024;

#[derive(Debug)]
enum Source {
    File(File),
    Bytes(Vec<u8>),
}

/// The bytes of one item. Reads and seeks like a file; other offsets are read without moving the position.
#[derive(Debug)]
pub struct Content {
    source: Source,
    length: u64,
    position: u64,
    buffer: Vec<u8>,
    buffer_start: u64,
}

/// Why content could not be taken whole.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// More bytes than the caller takes.
    #[error("content of {length} bytes is longer than {cap}")]
    TooLong {
        /// Bytes there are.
        length: u64,
        /// Bytes the caller takes.
        cap: u64,
    },
    /// The descriptor gave a read error.
    #[error("reading content failed: {0}")]
    Read(#[source] io::Error),
}

impl Content {
    /// Over an open file; the length is what `fstat` says now.
    ///
    /// # Errors
    /// When the descriptor cannot be asked for its length.
    pub fn from_file(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self::new(Source::File(file), length))
    }

    /// Over bytes in memory.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let length = bytes.len() as u64;
        Self::new(Source::Bytes(bytes), length)
    }

    const fn new(source: Source, length: u64) -> Self {
        Self { source, length, position: 0, buffer: Vec::new(), buffer_start: 0 }
    }

    /// Length, bytes.
    pub const fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are no bytes at all.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The first `count` bytes, or all there are.
    ///
    /// # Errors
    /// A read error of the descriptor.
    pub fn head(&self, count: usize) -> io::Result<Vec<u8>> {
        self.window(0, count)
    }

    /// The last `count` bytes, or all there are.
    ///
    /// # Errors
    /// A read error of the descriptor.
    pub fn tail(&self, count: usize) -> io::Result<Vec<u8>> {
        self.window(self.length.saturating_sub(count as u64), count)
    }

    /// Up to `count` bytes from `offset`; fewer at the end, none beyond it.
    ///
    /// # Errors
    /// A read error of the descriptor.
    pub fn window(&self, offset: u64, count: usize) -> io::Result<Vec<u8>> {
        let there = self.length.saturating_sub(offset).min(count as u64) as usize;
        if let Source::Bytes(bytes) = &self.source {
            let start = (offset as usize).min(bytes.len());
            return Ok(bytes.get(start..start + there).unwrap_or_default().to_vec());
        }
        let mut out = vec![0u8; there];
        let filled = self.read_fully_at(&mut out, offset)?;
        out.truncate(filled);
        Ok(out)
    }

    /// Everything.
    ///
    /// # Errors
    /// [`ContentError::TooLong`] beyond `cap` bytes, or a read error.
    pub fn all(&self, cap: u64) -> Result<Vec<u8>, ContentError> {
        if self.length > cap {
            return Err(ContentError::TooLong { length: self.length, cap });
        }
        self.window(0, self.length as usize).map_err(ContentError::Read)
    }

    /// Takes the bytes into memory when there are at most `cap`, so that later reads cost nothing and cannot fail.
    ///
    /// # Errors
    /// A read error of the descriptor, or an end before the length it had claimed.
    pub fn hold(&mut self, cap: u64) -> io::Result<()> {
        if matches!(self.source, Source::Bytes(_)) || self.length > cap {
            return Ok(());
        }
        let bytes = self.window(0, self.length as usize)?;
        if bytes.len() as u64 != self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.source = Source::Bytes(bytes);
        Ok(())
    }

    /// The bytes, where they are in memory (see [`Content::hold`]).
    pub fn held(&self) -> Option<&[u8]> {
        match &self.source {
            Source::Bytes(bytes) => Some(bytes),
            Source::File(_) => None,
        }
    }

    fn read_fully_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        let Source::File(file) = &self.source else {
            return Ok(0);
        };
        let mut filled = 0;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl Read for Content {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Source::Bytes(bytes) = &self.source {
            let rest = usize::try_from(self.position).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
            let n = rest.len().min(out.len());
            if let (Some(to), Some(from)) = (out.get_mut(..n), rest.get(..n)) {
                to.copy_from_slice(from);
            }
            self.position += n as u64;
            return Ok(n);
        }
        let inside = self.position.checked_sub(self.buffer_start).filter(|at| *at < self.buffer.len() as u64);
        if inside.is_none() {
            self.buffer = self.window(self.position, BUFFER_BYTES)?;
            self.buffer_start = self.position;
        }
        let at = (self.position - self.buffer_start) as usize;
        let rest = self.buffer.get(at..).unwrap_or_default();
        let n = rest.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for Content {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let wanted = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(delta) => self.length.checked_add_signed(delta),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
        };
        self.position = wanted.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn from_disk(bytes: &[u8]) -> Content {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Content::from_file(file).unwrap()
    }

    #[test]
    fn file_and_memory_read_alike() {
        let bytes: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        for mut content in [from_disk(&bytes), Content::from_bytes(bytes.clone())] {
            assert_eq!(content.len(), 200_000);
            assert_eq!(content.head(3).unwrap(), bytes[..3]);
            assert_eq!(content.tail(3).unwrap(), bytes[199_997..]);
            assert_eq!(content.window(199_999, 10).unwrap().len(), 1);
            assert!(content.window(u64::MAX, 10).unwrap().is_empty());
            content.seek(SeekFrom::Start(70_000)).unwrap();
            let mut rest = Vec::new();
            content.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, bytes[70_000..]);
            content.seek(SeekFrom::End(-5)).unwrap();
            rest.clear();
            content.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, bytes[199_995..]);
            assert!(content.seek(SeekFrom::Current(-300_000)).is_err());
            assert!(matches!(content.all(10), Err(ContentError::TooLong { length: 200_000, cap: 10 })));
            content.hold(1 << 20).unwrap();
            assert_eq!(content.held().unwrap(), bytes);
        }
    }
}
