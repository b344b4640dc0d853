//! The plain side of an encrypted volume, as a source of bytes under a window.

use super::cipher::SectorCipher;
use crate::cache::{ByteSource, Window};
use std::fmt;
use std::io;

/// Where a sector of the plain side lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is encrypted at this byte of the volume, under this number.
    Encrypted { at: u64, number: u64 },
    /// It lies there as it is.
    Bare { at: u64 },
    /// It is part of the headers, which the plain side does not show.
    Zeros,
}

/// Where the sectors of the plain side lie.
pub(super) trait Layout {
    /// The place of the sector that begins at this byte of the plain side.
    fn place(&self, offset: u64) -> Place;
}

/// An opened volume.
pub(super) struct Plain {
    volume: Window,
    layout: Box<dyn Layout>,
    cipher: SectorCipher,
    sector_bytes: u64,
    length: u64,
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing of the key.
        write!(f, "Plain({} bytes)", self.length)
    }
}

impl Plain {
    /// `length` bytes in sectors of `sector_bytes` (a power of two from 512); what is no whole sector is not there.
    pub(super) fn new(volume: &Window, layout: Box<dyn Layout>, cipher: SectorCipher, sector_bytes: u64, length: u64) -> Self {
        Self { volume: volume.again(), layout, cipher, sector_bytes, length: length - length % sector_bytes }
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    fn sector(&self, offset: u64, sector: &mut [u8]) -> io::Result<()> {
        match self.layout.place(offset) {
            Place::Zeros => sector.fill(0),
            Place::Bare { at } => self.volume.read_exact_at(at, sector)?,
            Place::Encrypted { at, number } => {
                self.volume.read_exact_at(at, sector)?;
                self.cipher.decrypt(number, sector);
            }
        }
        Ok(())
    }
}

impl ByteSource for Plain {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        let wanted = self.length.saturating_sub(offset).min(out.len() as u64) as usize;
        let mut sector = vec![0; self.sector_bytes as usize];
        let mut done = 0;
        while let Some(rest) = out.get_mut(done..wanted).filter(|rest| !rest.is_empty()) {
            let at = offset + done as u64;
            let within = (at % self.sector_bytes) as usize;
            match self.sector(at - within as u64, &mut sector) {
                Ok(()) => {}
                // What came before it is good.
                Err(_) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
            }
            let n = rest.len().min(sector.len() - within);
            if let (Some(to), Some(from)) = (rest.get_mut(..n), sector.get(within..within + n)) {
                to.copy_from_slice(from);
            }
            done += n;
        }
        Ok(done)
    }
}
