//! The bytes of an attribute: resident, in clusters, sparse, compressed.

use super::boot::Geometry;
use super::lznt1;
use super::record::{Mapped, Value};
use super::runs::Runs;
use crate::cache::Window;
use std::io::{self, Read};

const COMPRESSION: u16 = 0x00FF;
const LZNT1: u16 = 0x0001;
const ENCRYPTED: u16 = 0x4000;
/// Most bytes that are compressed together.
// BOUND: sixteen clusters of at most 64 KiB.
const MAX_UNIT_BYTES: u64 = 1 << 20;

/// A stream: an attribute put together from its pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Its name; empty for the content of a file itself.
    pub name: Vec<u16>,
    /// Whether its bytes lie encrypted on the medium.
    pub encrypted: bool,
    /// Length, bytes.
    pub length: u64,
    body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    Resident(Vec<u8>),
    Runs {
        runs: Runs,
        initialized: u64,
        /// Clusters that are compressed together.
        unit: Option<u64>,
    },
    /// Stored in a way nobody knows.
    Unknown,
}

impl Stream {
    /// The stream that begins with this piece.
    pub fn new(name: Vec<u16>, flags: u16, value: Value, geometry: &Geometry) -> Self {
        let encrypted = flags & ENCRYPTED != 0;
        let Mapped { pairs, unit_shift, length, initialized, .. } = match value {
            Value::Resident(bytes) => return Self { name, encrypted, length: bytes.len() as u64, body: Body::Resident(bytes) },
            Value::Mapped(mapped) => mapped,
        };
        let unit = match (flags & COMPRESSION, unit_shift) {
            (0, _) => Some(None),
            // Encrypted bytes are passed on as they lie.
            _ if encrypted => Some(None),
            (LZNT1, 1..=4) if geometry.cluster_bytes << unit_shift <= MAX_UNIT_BYTES => Some(Some(1 << unit_shift)),
            _ => None,
        };
        let mut runs = Runs::default();
        // A list that breaks off is shorter than the attribute, and reading ends there with an error.
        runs.append(0, &pairs, geometry.clusters);
        let body = unit.map_or(Body::Unknown, |unit| Body::Runs { runs, initialized, unit });
        Self { name, encrypted, length, body }
    }

    /// Goes on with a further piece; pieces come in their order.
    pub fn append(&mut self, piece: &Mapped, geometry: &Geometry) {
        if let Body::Runs { runs, .. } = &mut self.body {
            runs.append(piece.begin, &piece.pairs, geometry.clusters);
        }
    }

    /// Whether there is a way to read it.
    pub fn readable(&self) -> bool {
        self.body != Body::Unknown
    }

    /// The runs of a stream that lies in clusters as it is, and how many bytes of it were written.
    pub fn plain_runs(&self) -> Option<(&Runs, u64)> {
        match &self.body {
            Body::Runs { runs, initialized, unit: None } => Some((runs, *initialized)),
            _ => None,
        }
    }

    /// Its first bytes, at most `most`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn beginning(&self, most: usize, window: &Window, geometry: &Geometry) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.length.min(most as u64) as usize];
        Content::new(self, window, geometry).read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// A stream being read.
#[derive(Debug)]
pub struct Content<'a> {
    stream: &'a Stream,
    window: &'a Window,
    geometry: &'a Geometry,
    at: u64,
    /// Number and bytes of the unit decompressed last.
    unpacked: Option<(u64, Vec<u8>)>,
}

impl<'a> Content<'a> {
    /// From the beginning.
    pub const fn new(stream: &'a Stream, window: &'a Window, geometry: &'a Geometry) -> Self {
        Self { stream, window, geometry, at: 0, unpacked: None }
    }

    fn read_some(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = (out.len() as u64).min(self.stream.length - self.at) as usize;
        let out = out.get_mut(..most).unwrap_or_default();
        let n = match &self.stream.body {
            Body::Resident(bytes) => bytes.get(self.at as usize..).unwrap_or_default().read(out)?,
            Body::Runs { runs, initialized, unit: None } => self.plain(runs, *initialized, out)?,
            Body::Runs { runs, initialized, unit: Some(unit) } => self.packed(runs, *initialized, *unit, out)?,
            Body::Unknown => return Err(io::ErrorKind::Unsupported.into()),
        };
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += n as u64;
        Ok(n)
    }

    fn plain(&self, runs: &Runs, initialized: u64, out: &mut [u8]) -> io::Result<usize> {
        let cluster_bytes = self.geometry.cluster_bytes;
        // Where the runs end before the stream does, the rest is missing, and no shorter stream.
        let (cluster, count) = runs.find(self.at / cluster_bytes).ok_or(io::ErrorKind::UnexpectedEof)?;
        let within = self.at % cluster_bytes;
        let written = initialized.saturating_sub(self.at);
        let mut most = (out.len() as u64).min(count.saturating_mul(cluster_bytes) - within);
        let source = match cluster.and_then(|cluster| self.geometry.cluster_at(cluster)) {
            Some(at) if written > 0 => {
                most = most.min(written);
                Some(at + within)
            }
            _ => None,
        };
        let out = out.get_mut(..most as usize).unwrap_or_default();
        match source {
            Some(at) => self.window.read_at(at, out),
            None => {
                out.fill(0);
                Ok(out.len())
            }
        }
    }

    fn packed(&mut self, runs: &Runs, initialized: u64, unit: u64, out: &mut [u8]) -> io::Result<usize> {
        let unit_bytes = unit * self.geometry.cluster_bytes;
        let (number, within) = (self.at / unit_bytes, self.at % unit_bytes);
        let most = (out.len() as u64).min(unit_bytes - within);
        if !matches!(&self.unpacked, Some((which, _)) if *which == number) {
            self.unpacked = Some((number, self.unpack(runs, number * unit, unit)?));
        }
        let bytes = self.unpacked.as_ref().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
        let from = bytes.get(within as usize..(within + most) as usize).ok_or(io::ErrorKind::UnexpectedEof)?;
        let out = out.get_mut(..most as usize).unwrap_or_default();
        out.copy_from_slice(from);
        let written = initialized.saturating_sub(self.at).min(most);
        out.get_mut(written as usize..).unwrap_or_default().fill(0);
        Ok(out.len())
    }

    /// The bytes of the unit that begins at this cluster of the attribute: its clusters are all there (as they are), none
    /// (zeros), or followed by a hole (compressed).
    fn unpack(&self, runs: &Runs, begin: u64, unit: u64) -> io::Result<Vec<u8>> {
        let mut stored = Vec::new();
        let (mut place, end) = (begin, begin + unit);
        let mut hole = false;
        while place < end {
            let (cluster, count) = match runs.find(place) {
                Some(found) => found,
                // The hole at the very end may be left out.
                None if place > begin => (None, end - place),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            };
            let count = count.min(end - place);
            match cluster.map(|cluster| self.geometry.cluster_at(cluster)) {
                None => hole = true,
                Some(Some(at)) if !hole => {
                    let from = stored.len();
                    stored.resize(from + (count * self.geometry.cluster_bytes) as usize, 0);
                    self.window.read_exact_at(at, stored.get_mut(from..).unwrap_or_default())?;
                }
                Some(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
            place += count;
        }
        if !hole {
            return Ok(stored);
        }
        let mut out = vec![0; (unit * self.geometry.cluster_bytes) as usize];
        if !stored.is_empty() {
            lznt1::decompress(&stored, &mut out).ok_or(io::ErrorKind::InvalidData)?;
        }
        Ok(out)
    }
}

impl Read for Content<'_> {
    /// Fills `out` as far as it can, so that short runs do not become small frames.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while self.at < self.stream.length {
            let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) else { break };
            match self.read_some(rest) {
                Ok(n) => filled += n,
                // The bytes before an error are handed over first; asked again, the same error comes.
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}
