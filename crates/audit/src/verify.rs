//! Verifies a chain offline: the state directory (or a copy with its `audit/` folder) and the public key.
//!
//! **Invariant.** `Ok` means: every record from the first to the end that `HEAD` signs is exactly as it was
//! written. Nothing is repaired here, nothing is written, and memory stays flat whatever the chain's length.
//!
//! A chain that is being written may be verified at the same time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::head::{self, Head, Place};
use crate::layout::{FileName, Listing, month_of};
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
    /// The keys it signed with, oldest first; each but the last named its successor in the chain.
    pub keys: Vec<PublicKey>,
}

/// Verifies the chain below `state` against the station's public `key`: the one in force, or an earlier
/// one, whose successors the chain then has to prove.
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
    let mut chain = Chain::open(state, &head, anchors)?;
    let pending = loop {
        chain.walk_to(&head)?;
        let tail = chain.peek_tail(&head)?;
        let later = chain.list()?.after(&head.place.file).cloned();
        if let (Some(pending), None) = (head.pending(&tail), &later) {
            break pending;
        }
        // A writer may have gone on since HEAD was read. Only a HEAD further on, signed, shows that.
        let newer = load_head(state, key)?;
        if newer.tip.seq <= head.tip.seq {
            return Err(chain.explain(&head, later));
        }
        head = newer;
    };
    for line in head.batch.split_inclusive(|byte| *byte == b'\n') {
        chain.step(line)?;
    }
    if chain.walk.keys != head.keys {
        return Err(chain.walk.fault_here(FaultKind::HeadMismatch));
    }
    if let Some(anchor) = anchors.iter().find(|anchor| anchor.seq > head.tip.seq || (anchor.seq == 0 && **anchor != Position::START)) {
        return Err(Fault { seq: anchor.seq, file: String::new(), line: 0, kind: FaultKind::AnchorMissing });
    }
    let Chain { walk, .. } = chain;
    Ok(Verified { records: walk.tip.seq, pending, checkpoints: walk.checkpoints, head: head.tip, station: head.station, keys: head.keys })
}

/// The first key of the chain below `state`, as its `HEAD` says; none when that is not one of the station that has `key`.
pub fn first_key(state: &Path, key: &PublicKey) -> Option<PublicKey> {
    head::load(state, key).ok().flatten()?.keys.first().copied()
}

fn load_head(state: &Path, key: &PublicKey) -> Result<Head, Fault> {
    head::load(state, key)?.ok_or(Fault { seq: 0, file: layout::HEAD.into(), line: 0, kind: FaultKind::HeadMissing })
}

/// The files of the chain, being walked.
struct Chain<'a> {
    state: &'a Path,
    /// The file being walked.
    name: FileName,
    file: Option<BufReader<File>>,
    /// Bytes of it walked.
    walked_bytes: u64,
    walk: Walk,
    /// By number, so that a record costs one look however many there are.
    anchors: BTreeMap<u64, Vec<&'a Position>>,
    line: Vec<u8>,
}

impl<'a> Chain<'a> {
    fn open(state: &'a Path, head: &Head, anchors: &'a [Position]) -> Result<Self, Fault> {
        let mut by_seq: BTreeMap<u64, Vec<&Position>> = BTreeMap::new();
        for anchor in anchors {
            by_seq.entry(anchor.seq).or_default().push(anchor);
        }
        let first =
            head.keys.first().copied().ok_or(Fault { seq: 0, file: layout::HEAD.into(), line: 0, kind: FaultKind::HeadMalformed })?;
        let mut chain = Self {
            state,
            name: head.place.file.clone(),
            file: None,
            walked_bytes: 0,
            walk: Walk::from_start(first),
            anchors: by_seq,
            line: Vec::new(),
        };
        let listing = chain.list()?;
        if let Some(foreign) = listing.foreign {
            return Err(Fault { seq: 0, file: foreign, line: 0, kind: FaultKind::ForeignFile });
        }
        // Without a file it is as good as empty: HEAD decides whether that may be.
        let first = listing.files.into_iter().next().map_or(chain.name.clone(), |oldest| oldest.min(chain.name.clone()));
        chain.begin(first)?;
        Ok(chain)
    }

    fn list(&self) -> Result<Listing, Fault> {
        Listing::of(self.state).map_err(|error| self.walk.fault(FaultKind::Unreadable(error.kind())))
    }

    /// Turns to the file `name`.
    fn begin(&mut self, name: FileName) -> Result<(), Fault> {
        self.walk.begin_file(name.as_str());
        self.walked_bytes = 0;
        self.file = match File::open(layout::chain(self.state, &name)) {
            Ok(file) => Some(BufReader::with_capacity(1 << 18, file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(self.walk.fault(FaultKind::Unreadable(error.kind()))),
        };
        self.name = name;
        Ok(())
    }

    /// Walks one line of the file being walked.
    fn step(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.walk.step(line)?;
        let month = month_of(&self.walk.time).unwrap_or_default();
        // Where a file ends and the next one begins follows from the records alone.
        let fits = if self.walk.lines == 1 { month == self.name.month() } else { month <= self.name.month() };
        if !fits {
            return Err(self.walk.fault_here(FaultKind::FileMisnamed));
        }
        let tip = self.walk.tip;
        match self.anchors.get(&tip.seq) {
            Some(anchors) if anchors.iter().any(|anchor| **anchor != tip) => Err(self.walk.fault_here(FaultKind::AnchorMissing)),
            _ => Ok(()),
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
        let Place { file, offset } = &head.place;
        while self.name < *file {
            match self.step_file() {
                Ok(true) => {}
                Ok(false) => self.next_file(file)?,
                Err(fault) => return Err(self.cut_or(fault)),
            }
        }
        while self.walked_bytes < *offset && self.name == *file {
            match self.step_file() {
                Ok(true) => {}
                Ok(false) => return Err(self.walk.fault(FaultKind::Truncated)),
                Err(fault) if self.file_bytes()? < *offset => return Err(self.cut_or(fault)),
                Err(fault) => return Err(fault),
            }
        }
        if self.walked_bytes != *offset || self.walk.tip != head.base || self.name != *file {
            return Err(self.walk.fault_here(FaultKind::HeadMismatch));
        }
        Ok(())
    }

    /// Turns from a file that is walked to the next one, `last` at the latest.
    fn next_file(&mut self, last: &FileName) -> Result<(), Fault> {
        if self.walked_bytes == 0 {
            return Err(self.walk.fault(FaultKind::FileEmpty));
        }
        let next = self.list()?.after(&self.name).map_or(last, |next| next.min(last)).clone();
        self.begin(next)
    }

    /// The last line of a file that is too short was cut, not edited.
    fn cut_or(&self, fault: Fault) -> Fault {
        let cut = !self.line.ends_with(b"\n") && fault.kind == FaultKind::NotCanonical;
        if cut { Fault { kind: FaultKind::Truncated, ..fault } } else { fault }
    }

    fn file_bytes(&self) -> Result<u64, Fault> {
        self.file.as_ref().map_or(Ok(0), |file| {
            file.get_ref().metadata().map(|metadata| metadata.len()).map_err(|error| self.walk.fault(FaultKind::Unreadable(error.kind())))
        })
    }

    /// What follows in the file, up to one byte more than the batch has; the walk stays where it is.
    fn peek_tail(&mut self, head: &Head) -> Result<Vec<u8>, Fault> {
        let mut tail = Vec::new();
        if self.file.is_none() {
            // A kill came before the file; a writer may have made it since.
            self.begin(head.place.file.clone())?;
        }
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

    /// Why what follows in the file, or the file `later`, is not what `head` says.
    fn explain(mut self, head: &Head, later: Option<FileName>) -> Fault {
        loop {
            // Past the signed end nothing is worth walking: the first record there is the fault.
            if self.walk.tip == head.tip && self.file_bytes().is_ok_and(|bytes| bytes > self.walked_bytes) {
                return self.walk.fault(FaultKind::AfterHead);
            }
            match (self.step_file(), &later) {
                (Ok(true), _) => {}
                (Ok(false), Some(later)) => {
                    return Fault { seq: head.tip.seq.saturating_add(1), file: later.to_string(), line: 1, kind: FaultKind::AfterHead };
                }
                (Ok(false), None) => return self.walk.fault_here(FaultKind::HeadMismatch),
                (Err(fault), _) => return fault,
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
/// `key` is the one in force at its beginning.
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
    match (walk.base, walk.signed, walk.station.clone()) {
        (Some(base), Some(signed), Some(station)) if signed.seq > base.seq => {
            Ok(Piece { first: base.seq + 1, signed, last: walk.tip, station })
        }
        _ => Err(walk.fault_here(FaultKind::NoCheckpoint)),
    }
}
