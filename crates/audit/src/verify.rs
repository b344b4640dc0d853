//! Verifies a chain offline: the state directory (or a copy with its `audit/` folder) and the public key.
//!
//! **Invariant.** `Ok` means: every record from the first to the end that `HEAD` signs is exactly as it was
//! written. Nothing is repaired here, nothing is written, and memory stays flat whatever the chain's length.
//!
//! A chain that is being written may be verified at the same time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::head::{self, Head};
use crate::record::MAX_LINE_BYTES;
use crate::walk::Walk;
use crate::{Fault, FaultKind, Position, PublicKey, layout};

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Records in all, those pending included.
    pub records: u64,
    /// How many of them stand, whole, only in `HEAD`: a kill came between the two writes. The station's next
    /// start completes the chain.
    pub pending: u64,
    /// Checkpoints among them, each with a valid signature.
    pub checkpoints: u64,
    /// The end of the chain.
    pub head: Position,
    /// The station's name.
    pub station: String,
}

/// Verifies the chain below `state` against the station's public `key`.
///
/// # Errors
/// The first [`Fault`] met.
pub fn verify(state: &Path, key: &PublicKey) -> Result<Verified, Fault> {
    verify_against(state, key, &[])
}

/// Like [`verify()`], and the chain must contain each of `anchors`: positions kept outside the station
/// (session reports, syslog). This is what finds a chain put back together with its older `HEAD`.
///
/// # Errors
/// The first [`Fault`] met; [`FaultKind::AnchorMissing`] names the anchor's sequence number.
pub fn verify_against(state: &Path, key: &PublicKey, anchors: &[Position]) -> Result<Verified, Fault> {
    let mut head = load_head(state, key)?;
    let mut chain = Chain::open(state, *key, anchors)?;
    let pending = loop {
        chain.walk_to(&head)?;
        let tail = chain.peek_tail(&head)?;
        if let Some(pending) = head.pending(&tail) {
            break pending;
        }
        // A writer may have gone on since HEAD was read. Only a HEAD further on, signed, shows that.
        let newer = load_head(state, key)?;
        if newer.tip.seq <= head.tip.seq {
            return Err(chain.explain(&head));
        }
        head = newer;
    };
    for line in head.batch.split_inclusive(|byte| *byte == b'\n') {
        chain.step(line)?;
    }
    if let Some(missing) = anchors.iter().find(|anchor| anchor.seq > head.tip.seq) {
        return Err(anchor_missing(missing));
    }
    Ok(Verified { records: chain.walk.tip.seq, pending, checkpoints: chain.walk.checkpoints, head: head.tip, station: head.station })
}

fn load_head(state: &Path, key: &PublicKey) -> Result<Head, Fault> {
    head::load(state, key)?.ok_or(Fault { seq: 0, line: 0, kind: FaultKind::HeadMissing })
}

fn anchor_missing(anchor: &Position) -> Fault {
    Fault { seq: anchor.seq, line: anchor.seq, kind: FaultKind::AnchorMissing }
}

/// `chain.jsonl`, being walked.
struct Chain<'a> {
    file: Option<BufReader<File>>,
    /// Bytes walked.
    walked_bytes: u64,
    walk: Walk,
    anchors: &'a [Position],
    line: Vec<u8>,
}

impl<'a> Chain<'a> {
    fn open(state: &Path, key: PublicKey, anchors: &'a [Position]) -> Result<Self, Fault> {
        let walk = Walk::from_start(key);
        let file = match File::open(layout::chain(state)) {
            Ok(file) => Some(BufReader::with_capacity(1 << 18, file)),
            // As good as empty: HEAD decides whether that may be.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(walk.fault(FaultKind::Unreadable(error.kind()))),
        };
        Ok(Self { file, walked_bytes: 0, walk, anchors, line: Vec::new() })
    }

    fn step(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.walk.step(line)?;
        let tip = self.walk.tip;
        match self.anchors.iter().find(|anchor| anchor.seq == tip.seq && anchor.hash != tip.hash) {
            Some(anchor) => Err(anchor_missing(anchor)),
            None => Ok(()),
        }
    }

    /// Walks the next line of the file; `false` at its end.
    fn step_file(&mut self) -> Result<bool, Fault> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let read = self.file.as_mut().map_or(Ok(0), |file| read_line(file, &mut line));
        let walked = match read {
            Ok(0) => Ok(false),
            Ok(bytes) => self.step(&line).map(|()| {
                self.walked_bytes += bytes as u64;
                true
            }),
            Err(error) => Err(self.walk.fault(FaultKind::Unreadable(error.kind()))),
        };
        self.line = line;
        walked
    }

    /// Walks to where the batch of `head` begins.
    fn walk_to(&mut self, head: &Head) -> Result<(), Fault> {
        while self.walked_bytes < head.offset {
            match self.step_file() {
                Ok(true) => {}
                Ok(false) => return Err(self.walk.fault(FaultKind::Truncated)),
                // The last line of a file that is too short was cut, not edited.
                Err(fault) if !self.line.ends_with(b"\n") && self.file_bytes()? < head.offset => {
                    return Err(Fault { kind: FaultKind::Truncated, ..fault });
                }
                Err(fault) => return Err(fault),
            }
        }
        if self.walked_bytes != head.offset || self.walk.tip != head.base {
            return Err(Fault { seq: self.walk.tip.seq, line: self.walk.lines, kind: FaultKind::HeadMismatch });
        }
        Ok(())
    }

    fn file_bytes(&self) -> Result<u64, Fault> {
        self.file.as_ref().map_or(Ok(0), |file| {
            file.get_ref().metadata().map(|metadata| metadata.len()).map_err(|error| self.walk.fault(FaultKind::Unreadable(error.kind())))
        })
    }

    /// What follows in the file, up to one byte more than the batch has; the walk stays where it is.
    fn peek_tail(&mut self, head: &Head) -> Result<Vec<u8>, Fault> {
        let mut tail = Vec::new();
        let Some(file) = self.file.as_mut() else {
            return Ok(tail);
        };
        let at = SeekFrom::Start(self.walked_bytes);
        file.by_ref()
            .take(head.batch.len() as u64 + 1)
            .read_to_end(&mut tail)
            .and_then(|_bytes| file.seek(at))
            .map_err(|error| self.walk.fault(FaultKind::Unreadable(error.kind())))?;
        Ok(tail)
    }

    /// Why what follows in the file is not the batch of `head`.
    fn explain(mut self, head: &Head) -> Fault {
        loop {
            // Past the signed end nothing is worth walking: the first record there is the fault.
            if self.walk.tip == head.tip {
                return self.walk.fault(FaultKind::AfterHead);
            }
            match self.step_file() {
                Ok(true) => {}
                Ok(false) => {
                    return Fault { seq: head.tip.seq, line: head.tip.seq, kind: FaultKind::HeadMismatch };
                }
                Err(fault) => return fault,
            }
        }
    }
}

/// Reads one line with its line end, or one byte more than a line may have.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    reader.take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', line)
}

/// What of a piece of a chain was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Sequence number of its first record.
    pub first: u64,
    /// The last record that a checkpoint's signature covers. What follows hangs together but is not signed.
    pub signed: Position,
    /// The last record.
    pub last: Position,
    /// The station's name.
    pub station: String,
}

/// Verifies a run of whole lines copied out of a chain, which must contain a checkpoint after its first record.
///
/// # Errors
/// The first [`Fault`] met; lines are counted in the piece.
pub fn verify_piece(mut piece: impl BufRead, key: &PublicKey) -> Result<Piece, Fault> {
    let mut walk = Walk::from_anywhere(*key);
    let mut line = Vec::new();
    loop {
        line.clear();
        match read_line(&mut piece, &mut line) {
            Ok(0) => break,
            Ok(_bytes) => walk.step(&line)?,
            Err(error) => return Err(walk.fault(FaultKind::Unreadable(error.kind()))),
        }
    }
    match (walk.base, walk.signed, walk.station) {
        (Some(base), Some(signed), Some(station)) if signed.seq > base.seq => {
            Ok(Piece { first: base.seq + 1, signed, last: walk.tip, station })
        }
        _ => Err(Fault { seq: walk.tip.seq, line: walk.lines, kind: FaultKind::NoCheckpoint }),
    }
}
