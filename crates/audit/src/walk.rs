//! Walks a run of records, line by line, and stops at the first that does not belong there.
//!
//! **Invariant.** Whatever was walked is one unbroken chain of one station; whether it is *the* chain is for
//! a signature (`HEAD`, checkpoint) to say.

use crate::layout::month_of;
use crate::record::{
    Checkpoint, MAX_LINE_BYTES, Payload, Record, Rotation, checkpoint_message, hash_of_line, parse_canonical, rotation_message,
};
use crate::{Fault, FaultKind, Position, PublicKey, events, hex};

/// How far the walk has come.
pub(crate) struct Walk {
    /// The keys in force so far, oldest first; the last one is in force now.
    pub(crate) keys: Vec<PublicKey>,
    /// The file being walked, for faults.
    file: String,
    /// Before the first record walked; `None` until a walk that starts anywhere has seen one.
    pub(crate) base: Option<Position>,
    /// The last record walked.
    pub(crate) tip: Position,
    /// Its time, as it stands there.
    pub(crate) time: String,
    /// The station every record must name.
    pub(crate) station: Option<String>,
    /// Lines of the file walked.
    pub(crate) lines: u64,
    /// Checkpoints walked, each with a valid signature.
    pub(crate) checkpoints: u64,
    /// What the last of them covers.
    pub(crate) signed: Option<Position>,
}

impl Walk {
    /// A walk from the first record of a chain.
    pub(crate) fn from_start(key: PublicKey) -> Self {
        Self { base: Some(Position::START), ..Self::from_anywhere(key) }
    }

    /// A walk over a piece of a chain: the first record is believed where it stands.
    pub(crate) fn from_anywhere(key: PublicKey) -> Self {
        Self {
            keys: vec![key],
            file: String::new(),
            base: None,
            tip: Position::START,
            time: String::new(),
            station: None,
            lines: 0,
            checkpoints: 0,
            signed: None,
        }
    }

    /// The next line is the first of `file`.
    pub(crate) fn begin_file(&mut self, file: &str) {
        file.clone_into(&mut self.file);
        self.lines = 0;
    }

    /// The fault `kind` at the last line walked.
    pub(crate) fn fault_here(&self, kind: FaultKind) -> Fault {
        Fault { seq: self.tip.seq, file: self.file.clone(), line: self.lines, kind }
    }

    /// The fault `kind` at the line after the last one walked.
    pub(crate) fn fault(&self, kind: FaultKind) -> Fault {
        Fault { seq: self.tip.seq.saturating_add(1), file: self.file.clone(), line: self.lines.saturating_add(1), kind }
    }

    /// Walks one line, given with its line end.
    pub(crate) fn step(&mut self, line: &[u8]) -> Result<(), Fault> {
        if line.len() > MAX_LINE_BYTES {
            let limit_bytes = MAX_LINE_BYTES;
            return Err(self.fault(FaultKind::LineTooLong { limit_bytes }));
        }
        let (record, next) = self.check(line).map_err(|kind| self.fault(kind))?;
        let covers = self.check_checkpoint(&record).map_err(|kind| self.fault(kind))?;
        let rotated = self.check_rotation(&record).map_err(|kind| self.fault(kind))?;
        self.keys.extend(rotated);
        if covers.is_some() {
            self.checkpoints += 1;
            self.signed = covers;
        }
        if self.station.is_none() {
            self.station = Some(record.station.clone().into_owned());
        }
        record.time.as_ref().clone_into(&mut self.time);
        self.lines += 1;
        self.base.get_or_insert(Position { seq: next.seq.saturating_sub(1), hash: hex::decode(&record.prev).unwrap_or_default() });
        self.tip = next;
        Ok(())
    }

    fn check<'l>(&self, line: &'l [u8]) -> Result<(Record<'l>, Position), FaultKind> {
        let line = line.strip_suffix(b"\n").ok_or(FaultKind::NotCanonical)?;
        let record = parse_canonical(line).ok_or(FaultKind::NotCanonical)?;
        let hash = hash_of_line(line);
        let claimed = hex::decode(&record.hash).ok_or(FaultKind::NotCanonical)?;
        let prev = hex::decode(&record.prev).ok_or(FaultKind::NotCanonical)?;
        if hash != claimed {
            return Err(FaultKind::HashWrong);
        }
        let position = Position { seq: record.seq, hash };
        if self.base.is_some() {
            if Some(record.seq) != self.tip.seq.checked_add(1) {
                return Err(FaultKind::SeqWrong { found: record.seq });
            }
            if prev != self.tip.hash {
                return Err(FaultKind::PrevWrong);
            }
        } else if record.seq == 0 {
            return Err(FaultKind::SeqWrong { found: 0 });
        }
        if month_of(&record.time).is_none() {
            return Err(FaultKind::NotCanonical);
        }
        if self.station.as_deref().is_some_and(|station| station != record.station) {
            return Err(FaultKind::ForeignStation);
        }
        Ok((record, position))
    }

    /// What `record` covers with its signature, if it is a checkpoint.
    fn check_checkpoint(&self, record: &Record<'_>) -> Result<Option<Position>, FaultKind> {
        if record.event != events::CHECKPOINT {
            return Ok(None);
        }
        let Payload::Clear(payload) = &record.payload else {
            return Err(FaultKind::CheckpointSignature);
        };
        let before = before(record)?;
        serde_json::from_str::<Checkpoint>(payload.get())
            .ok()
            .and_then(|checkpoint| hex::decode::<64>(&checkpoint.signature))
            .filter(|signature| self.keys.last().is_some_and(|key| key.verify(&checkpoint_message(&before), signature)))
            .map(|_valid| Some(before))
            .ok_or(FaultKind::CheckpointSignature)
    }

    /// The key that `record` puts in force, if it replaces the key: both keys say so.
    fn check_rotation(&self, record: &Record<'_>) -> Result<Option<PublicKey>, FaultKind> {
        if record.event != events::KEY_ROTATED {
            return Ok(None);
        }
        let Payload::Clear(payload) = &record.payload else {
            return Err(FaultKind::RotationSignature);
        };
        let before = before(record)?;
        let rotation: Rotation = serde_json::from_str(payload.get()).map_err(|_| FaultKind::RotationSignature)?;
        let checked = || {
            let (previous, next): (PublicKey, PublicKey) = (rotation.previous.parse().ok()?, rotation.next.parse().ok()?);
            let message = rotation_message(&before, &previous, &next);
            let both = self.keys.last() == Some(&previous)
                && previous.verify(&message, &hex::decode::<64>(&rotation.by_previous)?)
                && next.verify(&message, &hex::decode::<64>(&rotation.by_next)?);
            both.then_some(next)
        };
        checked().map(Some).ok_or(FaultKind::RotationSignature)
    }
}

fn before(record: &Record<'_>) -> Result<Position, FaultKind> {
    Ok(Position { seq: record.seq.saturating_sub(1), hash: hex::decode(&record.prev).ok_or(FaultKind::NotCanonical)? })
}
