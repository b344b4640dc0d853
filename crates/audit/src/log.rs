//! The one writer of the chain.
//!
//! **Invariant.** What [`AuditLog::append`] acknowledged is on disk. What it did not acknowledge either never
//! happened or is completed, and noted, by the next call or the next start; the chain verifies throughout.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::batch::{Batch, LOG_ACTOR, format_time};
use crate::chain_file::{self, Begin, ChainFile};
use crate::head::{self, Head, Place};
use crate::layout::{FileName, Listing};
use crate::record::tail;
use crate::rotation;
use crate::sealing::{SessionKeys, is_session_id};
use crate::verify::verify;
use crate::{AuditError, Clock, Entropy, Fault, FaultKind, Position, PublicKey, StationKey, durable, events, layout};

/// Every record whose number is a multiple of this is a checkpoint.
// BOUND: one signature (about 20 µs) per thousand records, and a copied piece of a thousand is provable.
pub const CHECKPOINT_EVERY: u64 = 1_000;

/// Something that happened, to be recorded.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// The session it belongs to; its payload is then encrypted under that session's key.
    pub session: Option<&'a str>,
    /// Who acted: a pseudonym, in clear for ever. 1 to 128 printable ASCII characters.
    pub actor: &'a str,
    /// What happened: a name of [`events`], or one like them.
    pub event: &'a str,
    /// The particulars.
    pub payload: serde_json::Value,
}

impl Event<'_> {
    fn check(&self) -> Result<(), AuditError> {
        if let Some(session) = self.session {
            check_session(session)?;
        }
        check_name("actor", self.actor)?;
        let is_kebab = (1..=64).contains(&self.event.len()) && self.event.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if !is_kebab {
            return Err(AuditError::Name { what: "event", name: self.event.to_owned() });
        }
        if events::is_reserved(self.event) {
            return Err(AuditError::ReservedEvent { event: self.event.to_owned() });
        }
        Ok(())
    }
}

fn check_session(session: &str) -> Result<(), AuditError> {
    if is_session_id(session) {
        return Ok(());
    }
    Err(AuditError::SessionId { session: session.to_owned() })
}

fn check_name(what: &'static str, name: &str) -> Result<(), AuditError> {
    let printable = name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if printable && (1..=128).contains(&name.len()) {
        return Ok(());
    }
    Err(AuditError::Name { what, name: name.to_owned() })
}

/// Where the chain ends on disk.
struct End {
    position: Position,
    /// Time of the last record; empty before the first.
    time: String,
    /// Length of the file that it stands in.
    bytes: u64,
}

/// The audit chain, open for appending. While it lives nobody else can open it.
pub struct AuditLog {
    state: PathBuf,
    station: String,
    key: Arc<StationKey>,
    /// The station's keys, oldest first; `key` is the last.
    keys: Vec<PublicKey>,
    clock: Arc<dyn Clock>,
    session_keys: SessionKeys,
    /// The file being written; none before the first record.
    chain: Option<ChainFile>,
    end: End,
    /// Whether that file holds everything `HEAD` does; false from before a write until after it.
    settled: bool,
    /// Records restored from `HEAD` that no record mentions yet.
    unmentioned: u64,
    /// Holds the lock as long as it is open.
    _lock: File,
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditLog")
            .field("state", &self.state)
            .field("station", &self.station)
            .field("head", &self.end.position)
            .finish_non_exhaustive()
    }
}

impl AuditLog {
    /// Opens the chain below the state directory `state` for the station named `station` (1 to 128 printable
    /// ASCII characters, the same for ever), creating it if there is none.
    ///
    /// Completes what a crash left undone: records that stand only in `HEAD` (recorded as `chain-repaired`)
    /// and erasures. Looks only at the end of the chain; [`verify()`](crate::verify()) looks at all of it.
    ///
    /// # Errors
    /// [`AuditError::Locked`] when it is already open somewhere; [`AuditError::Broken`] when the end of the
    /// chain is not what `HEAD` signs with this key; [`AuditError::ForeignStation`]; failed file operations.
    pub fn open(
        state: &Path,
        station: &str,
        key: Arc<StationKey>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, AuditError> {
        check_name("station", station)?;
        let dir = layout::audit_dir(state);
        let cannot_create = |source| AuditError::CreateDir { path: dir.clone(), source };
        durable::create_dir(&dir).map_err(cannot_create)?;
        let lock = lock(&layout::lock(state))?;
        durable::sync_dir(&dir).map_err(cannot_create)?;
        let mut log = Self {
            state: state.to_owned(),
            station: station.to_owned(),
            keys: vec![key.public_key()],
            key,
            clock,
            session_keys: SessionKeys::open(state, entropy)?,
            chain: None,
            end: End { position: Position::START, time: String::new(), bytes: 0 },
            settled: false,
            unmentioned: 0,
            _lock: lock,
        };
        log.settle()?;
        if log.unmentioned > 0 {
            log.commit(|_batch, _keys| Ok(()))?;
        }
        for session in log.session_keys.half_erased()? {
            log.finish_erasure(&session, LOG_ACTOR)?;
        }
        Ok(log)
    }

    /// Appends `batch` as one: all of it or, if the station dies before the commit, nothing. Two rounds of
    /// fsync, however many events. Returns the position of the last record.
    ///
    /// # Errors
    /// Nothing was appended if an event is refused ([`AuditError::Name`], [`AuditError::SessionId`],
    /// [`AuditError::ReservedEvent`], [`AuditError::SessionErased`], [`AuditError::RecordTooLong`],
    /// [`AuditError::BatchTooLong`]) or a key or the clock fails. After [`AuditError::WriteHead`] or
    /// [`AuditError::WriteChain`] the batch may or may not count; the next call finds out and records it.
    pub fn append(&mut self, batch: &[Event<'_>]) -> Result<Position, AuditError> {
        for event in batch {
            event.check()?;
        }
        if batch.is_empty() {
            return Ok(self.head());
        }
        self.commit(|lines, keys| batch.iter().try_for_each(|event| lines.event(event, keys)))
    }

    /// Appends the signed checkpoint that ends a session and lets go of its payload key. The position is the
    /// anchor to keep outside: in the session report, on syslog.
    ///
    /// # Errors
    /// As [`AuditLog::append`].
    pub fn close_session(&mut self, session: &str) -> Result<Position, AuditError> {
        check_session(session)?;
        let position = self.commit(|lines, _keys| lines.checkpoint(Some(session)))?;
        self.session_keys.release(session);
        Ok(position)
    }

    /// Destroys the payload key of `session` on behalf of `actor`, for `reason` (1 to 128 printable ASCII
    /// characters, in clear for ever: no names): its payloads cannot be read again, the chain still verifies. Nothing can be recorded for the session afterwards. A second call does nothing.
    ///
    /// # Errors
    /// As [`AuditLog::append`], and [`AuditError::DestroyKey`]; call again, or open again, to finish.
    pub fn erase_session(&mut self, session: &str, actor: &str, reason: &str) -> Result<Position, AuditError> {
        check_session(session)?;
        check_name("actor", actor)?;
        check_name("reason", reason)?;
        if self.session_keys.mark_erased(session, reason)? {
            self.finish_erasure(session, actor)?;
        }
        Ok(self.head())
    }

    /// Replaces the station's key by a new one, on behalf of `actor`, and closes the chain: whoever goes on opens both again. The old
    /// key signs everything before and names its successor in a `key-rotated` record; then its private half is destroyed, and its public
    /// half kept ([`KeyHistory`](crate::KeyHistory)).
    ///
    /// # Errors
    /// As [`AuditLog::append`], [`AuditError::TooManyKeys`], and failed file operations on keys. Whether the rotation happened is then
    /// for the next [`StationKey::load_or_create`] to find out and, if so, to complete: either way the chain verifies.
    pub fn rotate_key(mut self, actor: &str, entropy: &dyn Entropy) -> Result<Rotated, AuditError> {
        check_name("actor", actor)?;
        let lock = rotation::lock(&self.state)?;
        let next = Arc::new(rotation::prepare(&self.state, entropy)?);
        let previous = self.key.public_key();
        let position = self.commit(|lines, _keys| lines.rotate(Arc::clone(&next), actor))?;
        rotation::complete(&self.state, &next, &self.keys, &self.end.time)?;
        drop(lock);
        Ok(Rotated { previous, next: next.public_key(), position })
    }

    /// The end of the chain.
    pub fn head(&self) -> Position {
        self.end.position
    }

    /// Records first, destroys then: a kill in between repeats the record, but never loses it.
    fn finish_erasure(&mut self, session: &str, actor: &str) -> Result<(), AuditError> {
        let reason = self.session_keys.erased_because(session)?;
        self.commit(|lines, _keys| lines.payload_erased(session, actor, &reason))?;
        self.session_keys.destroy(session)
    }

    /// Writes one batch: what the log has to say itself, then what `fill` adds.
    fn commit(&mut self, fill: impl FnOnce(&mut Batch<'_>, &mut SessionKeys) -> Result<(), AuditError>) -> Result<Position, AuditError> {
        if !self.settled || self.chain_bytes()? != self.end.bytes {
            self.settle()?;
        }
        let time = format_time(self.clock.now_unix_ms())?;
        let place = self.place_at(&time)?;
        let mut batch = Batch::after(self.end.position, time.clone(), &self.station, Arc::clone(&self.key), self.keys.clone());
        if time < self.end.time {
            batch.clock_stepped_back(&self.end.time)?;
        }
        if self.unmentioned > 0 {
            batch.chain_repaired(self.unmentioned)?;
        }
        fill(&mut batch, &mut self.session_keys)?;
        let Batch { tip, lines, key, keys, .. } = batch;

        self.settled = false;
        head::write(&self.state, &key, &keys, &place, &tip, &lines)?;
        self.write_chain(&lines, &place)?;
        self.keys = keys;
        self.end = End { position: tip, time, bytes: place.offset + lines.len() as u64 };
        self.unmentioned = 0;
        self.settled = true;
        Ok(tip)
    }

    /// Where a batch of this `time` goes: to the file being written, unless a later month has begun.
    fn place_at(&self, time: &str) -> Result<Place, AuditError> {
        let month = FileName::of_time(time).ok_or(AuditError::Clock { unix_ms: self.clock.now_unix_ms() })?;
        match &self.chain {
            Some(chain) if month <= chain.name => Ok(Place { file: chain.name.clone(), offset: self.end.bytes }),
            _ if self.listing()?.files.contains(&month) => Err(self.broken(FaultKind::AfterHead)),
            _ => Ok(Place { file: month, offset: 0 }),
        }
    }

    /// Brings the files to what `HEAD` says, and the memory of this log to both.
    fn settle(&mut self) -> Result<(), AuditError> {
        let listing = self.listing()?;
        let Some(head) = head::load(&self.state, &self.key.public_key())? else {
            if !listing.files.is_empty() || self.end.position != Position::START {
                return Err(self.broken(FaultKind::HeadMissing));
            }
            self.settled = true;
            return Ok(());
        };
        if head.keys.last() != Some(&self.key.public_key()) {
            return Err(self.broken(FaultKind::HeadSignature));
        }
        if head.station != self.station {
            return Err(AuditError::ForeignStation { expected: self.station.clone(), found: head.station });
        }
        if head.tip.seq < self.end.position.seq || !self.follows_base(&head, &listing)? {
            return Err(self.broken(FaultKind::HeadMismatch));
        }
        let tail = chain_file::read(&self.state, &head.place.file, &Begin::At(head.place.offset), head.batch.len() + 1)?;
        let Some(restored) = head.pending(&tail).filter(|_restored| listing.after(&head.place.file).is_none()) else {
            return Err(self.broken(FaultKind::HeadMismatch));
        };
        // Even a batch that reads back whole may not be on disk yet: its writer died, or failed, before the
        // fsync, and the next HEAD will no longer have it. So it is written again, and HEAD's rename made
        // durable before, lest the chain overtake it.
        let dir = layout::audit_dir(&self.state);
        durable::sync_dir(&dir).map_err(|source| AuditError::WriteHead { path: dir, source })?;
        self.write_chain(&head.batch, &head.place)?;
        self.unmentioned += restored;
        self.end = End { bytes: head.end(), position: head.tip, time: head.time };
        self.keys = head.keys;
        self.settled = true;
        Ok(())
    }

    /// Whether the chain, up to where the batch of `head` begins, ends with the record that it follows.
    fn follows_base(&self, head: &Head, listing: &Listing) -> Result<bool, AuditError> {
        let before = listing.before(&head.place.file);
        if head.base == Position::START {
            return Ok(head.place.offset == 0 && before.is_none());
        }
        let expected = tail(&head.base.hash) + "\n";
        let bytes = expected.len() as u64;
        let found = match (head.place.offset, before) {
            (0, Some(before)) => chain_file::read(&self.state, before, &Begin::BeforeEnd(bytes), expected.len())?,
            (offset, _) if offset >= bytes => chain_file::read(&self.state, &head.place.file, &Begin::At(offset - bytes), expected.len())?,
            _ => Vec::new(),
        };
        Ok(found == expected.as_bytes())
    }

    /// The fault in full, by verifying from the start; `otherwise` if that finds nothing.
    fn broken(&self, otherwise: FaultKind) -> AuditError {
        let fault = verify(&self.state, &self.key.public_key()).err();
        AuditError::Broken(fault.unwrap_or(Fault { seq: self.end.position.seq, file: layout::HEAD.into(), line: 0, kind: otherwise }))
    }

    fn listing(&self) -> Result<Listing, AuditError> {
        Listing::of(&self.state).map_err(|source| AuditError::ReadChain { path: layout::audit_dir(&self.state), source })
    }

    fn chain_bytes(&self) -> Result<u64, AuditError> {
        self.chain.as_ref().map_or(Ok(0), ChainFile::bytes)
    }

    fn write_chain(&mut self, lines: &[u8], place: &Place) -> Result<(), AuditError> {
        let chain = match self.chain.take() {
            Some(chain) if chain.name == place.file => self.chain.insert(chain),
            _ => self.chain.insert(ChainFile::open(&self.state, &place.file)?),
        };
        chain.write(lines, place.offset)
    }
}

/// A key that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The public key until here.
    pub previous: PublicKey,
    /// The public key from here on.
    pub next: PublicKey,
    /// The end of the chain.
    pub position: Position,
}

fn lock(path: &Path) -> Result<File, AuditError> {
    let failed = |source| AuditError::Lock { path: path.to_owned(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(AuditError::Locked { path: path.to_owned() }),
        Err(errno) => Err(failed(errno.into())),
    }
}
