//! What is still to be sent: the chain behind the cursor, read while others append to it.

use crate::SiemError;
use audit::{AuditError, Filter, Position, Records, Shown};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Names and sizes of the chain's files: unchanged, there is nothing new.
type Extent = BTreeMap<OsString, u64>;

/// The records behind a position, one after the other.
pub struct Queue {
    state: PathBuf,
    /// The last record taken from here.
    taken: Position,
    /// The next one, if it was looked at.
    next: Option<Shown>,
    /// The chain, being read. At its end it goes on when the file grows.
    reading: Option<Records>,
    /// The files when `reading` was opened.
    opened: Extent,
    /// The files when the end was last seen.
    ended: Option<Extent>,
    /// Whether something was read since.
    moved: bool,
    /// The files when the last line was not whole.
    torn: Option<Extent>,
}

impl Queue {
    /// The records of the chain below `state` behind `taken`.
    pub fn behind(state: &Path, taken: Position) -> Self {
        let state = state.to_owned();
        Self { state, taken, next: None, reading: None, opened: Extent::new(), ended: None, moved: false, torn: None }
    }

    /// The next record; it stays the next until [`Queue::took`].
    ///
    /// # Errors
    /// [`SiemError::OtherChain`], or the chain cannot be read.
    pub fn peek(&mut self) -> Result<Option<&Shown>, SiemError> {
        if self.next.is_none() {
            self.next = self.read_on()?;
        }
        Ok(self.next.as_ref())
    }

    /// The next record was taken; gives its position.
    pub fn took(&mut self) -> Option<Position> {
        let position = position_of(&self.next.take()?)?;
        self.taken = position;
        Some(position)
    }

    fn read_on(&mut self) -> Result<Option<Shown>, SiemError> {
        // Before reading: what is appended meanwhile makes it differ, and is read next time.
        let extent = extent(&self.state)?;
        match self.reading.as_mut().and_then(Iterator::next) {
            Some(Ok(record)) => {
                self.moved = true;
                return Ok(Some(record));
            }
            Some(Err(_)) => self.reading = None,
            None => {}
        }
        if self.ended.as_ref() == Some(&extent) {
            return Ok(None);
        }
        if self.reading.is_some() && self.moved && self.opened.keys().eq(extent.keys()) {
            (self.ended, self.moved) = (Some(extent), false);
            return Ok(None);
        }
        self.reopen(extent)
    }

    /// Reads from the last record taken on, which must be there.
    fn reopen(&mut self, extent: Extent) -> Result<Option<Shown>, SiemError> {
        if extent.is_empty() {
            return if self.taken == Position::START { Ok(None) } else { Err(SiemError::OtherChain { taken: self.taken }) };
        }
        let mut reading = audit::show(&self.state, Filter { after: self.taken.seq.checked_sub(1), ..Filter::default() })?;
        let known = self.taken == Position::START || {
            let found = reading.next().transpose()?;
            found.as_ref().and_then(position_of) == Some(self.taken)
        };
        if !known {
            return Err(SiemError::OtherChain { taken: self.taken });
        }
        let record = match reading.next() {
            Some(Ok(record)) => Some(record),
            // The last line may be in the making: looked at again, and only then a fault.
            Some(Err(AuditError::NotARecord { .. })) if self.torn.as_ref() != Some(&extent) => {
                (self.torn, self.reading) = (Some(extent), None);
                return Ok(None);
            }
            Some(Err(error)) => return Err(error.into()),
            None => None,
        };
        self.moved = record.is_some();
        if record.is_none() {
            self.ended = Some(extent.clone());
        }
        (self.reading, self.opened) = (Some(reading), extent);
        Ok(record)
    }
}

/// Records behind `taken` that are still to be sent.
///
/// # Errors
/// As [`Queue::peek`].
pub fn count(state: &Path, taken: Position) -> Result<u64, SiemError> {
    let mut queue = Queue::behind(state, taken);
    let mut count = 0;
    while queue.peek()?.is_some() {
        queue.took();
        count += 1;
    }
    Ok(count)
}

fn position_of(record: &Shown) -> Option<Position> {
    crate::render::position(record).parse().ok()
}

fn extent(state: &Path) -> Result<Extent, SiemError> {
    let dir = state.join("audit");
    let failed = |source| SiemError::ChainFolder { path: dir.clone(), source };
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Extent::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut extent = Extent::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if Path::new(&name).extension().is_some_and(|ending| ending == "jsonl") {
            extent.insert(name, entry.metadata().map_err(failed)?.len());
        }
    }
    Ok(extent)
}
