//! Shows records to people, payloads decrypted where the session's key still exists.
//!
//! **Invariant.** Showing is not verifying: run [`verify()`](crate::verify()) first. Payloads hold foreign
//! names; whoever prints them escapes them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::layout::{FileName, Listing};
use crate::record::{MAX_LINE_BYTES, Payload, Record, parse_canonical};
use crate::sealing::{self, Binding, Found};
use crate::{AuditError, layout};

/// Which records to show; the default is all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of this session.
    pub session: Option<String>,
    /// Only those with this event.
    pub event: Option<String>,
    /// Only those after this sequence number: from where an earlier reading ended.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: Option<usize>,
}

impl Filter {
    fn admits(&self, record: &Record<'_>) -> bool {
        self.after.is_none_or(|after| record.seq > after)
            && self.session.as_deref().is_none_or(|session| record.session.as_deref() == Some(session))
            && self.event.as_deref().is_none_or(|event| record.event == event)
    }
}

/// A payload, as far as it can be shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "content")]
pub enum ShownPayload {
    /// It stands in clear.
    Clear(Value),
    /// It was encrypted and its session's key is here.
    Opened(Value),
    /// Its session's key was destroyed.
    Erased,
    /// Its session's key is not here, and was not destroyed here: a copy of the chain without its keys.
    KeyAbsent,
    /// The session's key is here but does not open it.
    Undecipherable,
}

/// One record for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Sequence number.
    pub seq: u64,
    /// RFC 3339, UTC, milliseconds.
    pub time: String,
    /// The station.
    pub station: String,
    /// The session, if it belongs to one.
    pub session: Option<String>,
    /// Who acted.
    pub actor: String,
    /// What happened.
    pub event: String,
    /// The particulars.
    pub payload: ShownPayload,
    /// The record's hash, hexadecimal.
    pub hash: String,
}

impl Shown {
    /// The record's position in the chain, `SEQ:HASH`: an anchor, as [`Position`](crate::Position) spells it.
    pub fn position(&self) -> String {
        format!("{}:{}", self.seq, self.hash)
    }
}

/// Records being shown, in order. Ends after the first error.
pub struct Records {
    state: PathBuf,
    filter: Filter,
    /// Files not yet begun, oldest first.
    files: VecDeque<FileName>,
    chain: Option<Open>,
    left: usize,
    /// The key used last: records of one session come close together.
    key: Option<(String, Found)>,
}

/// Shows the records below `state` that `filter` admits, one at a time. Records that still stand only in
/// `HEAD` after a crash appear once the station has opened the chain again.
///
/// # Errors
/// [`AuditError::OpenChain`]; then, from the iterator, [`AuditError::ReadChain`], [`AuditError::NotARecord`]
/// and what reading a key may give.
pub fn show(state: &Path, filter: Filter) -> Result<Records, AuditError> {
    let dir = layout::audit_dir(state);
    let unreadable = |source| AuditError::OpenChain { path: dir.clone(), source };
    let files = Listing::of(state).map_err(unreadable)?.files;
    if files.is_empty() {
        return Err(unreadable(io::ErrorKind::NotFound.into()));
    }
    let mut records =
        Records { state: state.to_owned(), left: filter.limit.unwrap_or(usize::MAX), filter, files: files.into(), chain: None, key: None };
    if let Some(after) = records.filter.after {
        records.skip_to(after)?;
    }
    Ok(records)
}

/// One file being shown.
struct Open {
    name: FileName,
    file: BufReader<File>,
    /// Bytes of it read.
    offset: u64,
}

impl Open {
    fn at(state: &Path, name: FileName, offset: u64) -> Result<Self, AuditError> {
        let path = layout::chain(state, &name);
        let open = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(offset))?;
            io::Result::Ok(BufReader::new(file))
        };
        let file = open().map_err(|source| AuditError::OpenChain { path: path.clone(), source })?;
        Ok(Self { name, file, offset })
    }

    /// The next line with its end, into `line`; what a writer has not finished ends the file. `false` at the end.
    fn next_line(&mut self, state: &Path, line: &mut Vec<u8>) -> Result<bool, AuditError> {
        line.clear();
        let read = self.file.by_ref().take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', line);
        let read = read.map_err(|source| AuditError::ReadChain { path: layout::chain(state, &self.name), source })?;
        self.offset += read as u64;
        Ok(line.ends_with(b"\n") || read > MAX_LINE_BYTES)
    }
}

/// Sequence number at the beginning of a line; enough to find a place, which is then read properly.
fn seq_of(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(br#"{"seq":"#)?;
    let end = digits.iter().position(|byte| *byte == b',')?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

/// A piece of file this long is read through instead of being halved.
const SCAN_BYTES: u64 = 1 << 16;

impl Iterator for Records {
    type Item = Result<Shown, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let next = self.find_next().transpose()?;
        self.left = if next.is_ok() { self.left - 1 } else { 0 };
        Some(next)
    }
}

impl Records {
    /// Skips the files, and most of the one file, that hold nothing after record `after`.
    fn skip_to(&mut self, after: u64) -> Result<(), AuditError> {
        let mut line = Vec::new();
        while let Some(next) = self.files.get(1) {
            Open::at(&self.state, next.clone(), 0)?.next_line(&self.state, &mut line)?;
            if seq_of(&line).is_none_or(|first| first > after.saturating_add(1)) {
                break;
            }
            self.files.pop_front();
        }
        let Some(name) = self.files.pop_front() else {
            return Ok(());
        };
        let path = layout::chain(&self.state, &name);
        let mut end = std::fs::metadata(&path).map_err(|source| AuditError::OpenChain { path, source })?.len();
        let mut begin = 0;
        while end - begin > SCAN_BYTES {
            let middle = begin + (end - begin) / 2;
            let mut piece = Open::at(&self.state, name.clone(), middle)?;
            piece.next_line(&self.state, &mut line)?;
            let at = piece.offset;
            let whole = piece.next_line(&self.state, &mut line)?;
            match seq_of(&line).filter(|_seq| whole && at < end) {
                Some(seq) if seq <= after => begin = at,
                _ => end = middle,
            }
        }
        self.chain = Some(Open::at(&self.state, name, begin)?);
        Ok(())
    }

    fn find_next(&mut self) -> Result<Option<Shown>, AuditError> {
        let mut line = Vec::new();
        loop {
            let Some(chain) = &mut self.chain else {
                let Some(name) = self.files.pop_front() else {
                    return Ok(None);
                };
                self.chain = Some(Open::at(&self.state, name, 0)?);
                continue;
            };
            let offset = chain.offset;
            if !chain.next_line(&self.state, &mut line)? {
                self.chain = None;
                continue;
            }
            let no_record = || AuditError::NotARecord { file: chain.name.to_string(), offset };
            let record = line.strip_suffix(b"\n").and_then(parse_canonical).ok_or_else(no_record)?;
            if self.filter.admits(&record) {
                return self.shown(&record).map(Some);
            }
        }
    }

    fn shown(&mut self, record: &Record<'_>) -> Result<Shown, AuditError> {
        Ok(Shown {
            seq: record.seq,
            time: record.time.clone().into_owned(),
            station: record.station.clone().into_owned(),
            session: record.session.as_deref().map(str::to_owned),
            actor: record.actor.clone().into_owned(),
            event: record.event.clone().into_owned(),
            payload: self.shown_payload(record)?,
            hash: record.hash.clone().into_owned(),
        })
    }

    fn shown_payload(&mut self, record: &Record<'_>) -> Result<ShownPayload, AuditError> {
        let sealed = match (&record.payload, record.session.as_deref()) {
            (Payload::Clear(raw), _) => {
                let content = serde_json::from_str(raw.get());
                return Ok(content.map_or(ShownPayload::Undecipherable, ShownPayload::Clear));
            }
            (Payload::Sealed(_), None) => return Ok(ShownPayload::Undecipherable),
            (Payload::Sealed(sealed), Some(session)) => (sealed, session),
        };
        let (sealed, session) = sealed;
        let binding = Binding { station: &record.station, session, seq: record.seq, event: &record.event };
        Ok(match self.key_of(session)? {
            Found::Erased => ShownPayload::Erased,
            Found::Absent => ShownPayload::KeyAbsent,
            Found::Key(key) => key
                .open(&binding, sealed)
                .and_then(|payload| serde_json::from_slice(&payload).ok())
                .map_or(ShownPayload::Undecipherable, ShownPayload::Opened),
        })
    }

    fn key_of(&mut self, session: &str) -> Result<&Found, AuditError> {
        if self.key.as_ref().is_none_or(|(of, _key)| of != session) {
            self.key = None;
        }
        let (_session, found) = match self.key.take() {
            Some(known) => self.key.insert(known),
            None => self.key.insert((session.to_owned(), sealing::find(&self.state, session)?)),
        };
        Ok(found)
    }
}
