//! The cursor: the last record the collector took, in `STATE/siem/cursor.json`, and the lock of who may move it.
//!
//! **Invariant.** It moves after a record was taken, never before: what is lost of it is sent again, never left out.

use crate::SiemError;
use audit::Position;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Name and version of its JSON form.
const SCHEMA: &str = "datenschleuse-siem-cursor/1";

/// So many moves between two that are synced to disk.
// BOUND: after a power loss at most so many records come twice; syncing each would hold up the chain's own syncs.
const SYNC_EVERY: u32 = 64;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schema: String,
    /// `SEQ:HASH`.
    taken: String,
}

/// Where the cursor of `state` lies.
pub fn path(state: &Path) -> PathBuf {
    state.join("siem/cursor.json")
}

/// What the cursor says; none where there is none, or what lies there is none.
pub fn read(path: &Path) -> Option<Position> {
    let mut text = String::new();
    File::open(path).ok()?.take(1_024).read_to_string(&mut text).ok()?;
    let written: Written = serde_json::from_str(&text).ok()?;
    (written.schema == SCHEMA).then(|| written.taken.parse().ok()).flatten()
}

/// The cursor, held by this program alone.
#[derive(Debug)]
pub struct Cursor {
    path: PathBuf,
    taken: Position,
    /// Moves since the last one that was synced.
    unsynced: u32,
    /// Holds the lock as long as it is open.
    _lock: File,
}

impl Cursor {
    /// Takes the lock and reads the cursor. One that is damaged counts as none: everything is sent again.
    ///
    /// # Errors
    /// [`SiemError::Elsewhere`] when another program has it; [`SiemError::Cursor`].
    pub fn open(state: &Path) -> Result<Self, SiemError> {
        let path = path(state);
        let lock_path = path.with_file_name("LOCK");
        let failed = |source| SiemError::Cursor { path: lock_path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(state.join("siem")).map_err(failed)?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(SiemError::Elsewhere),
            Err(errno) => return Err(failed(errno.into())),
        }
        let taken = read(&path);
        if taken.is_none() && path.exists() {
            tracing::warn!(path = %path.display(), "the cursor is damaged; the whole audit chain is forwarded again");
        }
        Ok(Self { path, taken: taken.unwrap_or(Position::START), unsynced: 0, _lock: lock })
    }

    /// The last record taken.
    pub const fn taken(&self) -> Position {
        self.taken
    }

    /// The collector took the record at `position`.
    ///
    /// # Errors
    /// [`SiemError::Cursor`]: the record comes again.
    pub fn advance(&mut self, position: Position) -> Result<(), SiemError> {
        self.unsynced += 1;
        self.write(position, self.unsynced >= SYNC_EVERY)?;
        self.taken = position;
        Ok(())
    }

    /// Nothing is queued any more: what was taken is made durable.
    ///
    /// # Errors
    /// [`SiemError::Cursor`].
    pub fn settle(&mut self) -> Result<(), SiemError> {
        if self.unsynced > 0 { self.write(self.taken, true) } else { Ok(()) }
    }

    fn write(&mut self, position: Position, durable: bool) -> Result<(), SiemError> {
        let failed = |source| SiemError::Cursor { path: self.path.clone(), source };
        let written = Written { schema: SCHEMA.into(), taken: position.to_string() };
        let text = serde_json::to_vec(&written).map_err(|error| failed(error.into()))?;
        write_by_rename(&self.path, &text, durable).map_err(failed)?;
        if durable {
            self.unsynced = 0;
        }
        Ok(())
    }
}

fn write_by_rename(path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let temporary = path.with_added_extension("tmp");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    if durable {
        file.sync_all()?;
    }
    std::fs::rename(&temporary, path)?;
    match path.parent() {
        Some(dir) if durable => File::open(dir)?.sync_all(),
        _ => Ok(()),
    }
}
