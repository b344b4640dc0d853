//! How far a wipe has come: one small file per wipe, and its key beside it, there as long as the wipe is not finished.
//!
//! ```text
//! STATE/wipe/ID.json   the journal (0600), replaced by rename at each sync
//! STATE/wipe/ID.key    the stream's key (0600), overwritten and removed when the wipe ends
//! ```
//!
//! **Invariant.** What the journal says was written has been synced before. A journal alone does not prove that the medium
//! in hand is the one it is about (two sticks may carry the same number); [`crate::resume`] looks at the medium.

use crate::bad::BadRanges;
use crate::error::WipeFault;
use crate::native::NativeResult;
use crate::stream::KEY_BYTES;
use crate::target::{Kind, Target};
use rustix::fs::Mode;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Where the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Pass (from 1), and the byte up to which it is on the medium.
    Writing {
        /// Pass.
        pass: u32,
        /// Byte.
        offset: u64,
    },
    /// All passes are written; the last is being read back.
    ReadingBack,
    /// The read-back has ended; the file system is being written.
    Formatting,
}

/// A pass that was written to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassRecord {
    /// From 1.
    pub pass: u32,
    /// Bytes of the medium.
    pub bytes: u64,
    /// Time it took, in milliseconds; of an interrupted pass the part after the last interruption.
    pub milliseconds: u64,
    /// Whether it came to the end of the medium; it does not when the medium refuses too often.
    pub complete: bool,
}

/// The journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// The wipe.
    pub wipe: String,
    /// Fingerprint of the medium, see [`fingerprint`].
    pub medium: String,
    /// When it began (RFC 3339, UTC).
    pub started: String,
    /// Passes in all.
    pub passes: u32,
    /// Times it was interrupted.
    pub interruptions: u32,
    /// Where the work is.
    pub stage: Stage,
    /// Passes written.
    pub written: Vec<PassRecord>,
    /// What the device's own erasing said; none before it was asked.
    pub native: Option<Vec<NativeResult>>,
    /// What could not be written.
    pub bad: BadRanges,
    /// Folder into which the certificate goes, absolute.
    pub certificates: OsString,
}

impl Journal {
    /// Takes up an interrupted wipe. What was read back before the interruption counts for nothing: the medium may have been
    /// written elsewhere meanwhile. So a wipe that was past its read-back makes the last pass and the read-back again, and
    /// one that was in its read-back reads from the beginning (the journal holds nothing of it).
    pub(crate) fn take_up(&mut self) {
        self.interruptions += 1;
        if self.stage == Stage::Formatting {
            self.written.retain(|record| record.pass != self.passes);
            self.stage = Stage::Writing { pass: self.passes, offset: 0 };
        }
    }

    /// Whether the certificate is there, in the folder first named or in `folder`: then the wipe was killed between its
    /// publishing and the end of the journal.
    pub(crate) fn has_certificate(&self, folder: &Path) -> bool {
        [Path::new(&self.certificates), folder].iter().any(|folder| folder.join(&self.wipe).exists())
    }
}

/// SHA-256 over what tells one medium from another: for a device its serial number, model and size, for an image its path and
/// size. Hexadecimal, shortened; the name of journal and key.
pub fn fingerprint(target: &Target) -> String {
    let place = target.path.as_os_str().as_encoded_bytes();
    let (kind, place): (&[u8], &[u8]) = match target.kind {
        // The same stick may come back under another name.
        Kind::Device if target.has_serial => (b"device", b""),
        Kind::Device => (b"device", place),
        Kind::Image => (b"image", place),
    };
    let mut hash = Sha256::new();
    for part in [kind, place, target.serial.as_bytes(), target.model.as_bytes(), &target.size_bytes.to_le_bytes()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Journals and keys of a station.
#[derive(Debug, Clone)]
pub struct Journals {
    dir: PathBuf,
}

impl Journals {
    /// Those below the state directory `state`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(state: &Path) -> Result<Self, WipeFault> {
        let dir = state.join("wipe");
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(at(&dir))?;
        Ok(Self { dir })
    }

    fn journal(&self, medium: &str) -> PathBuf {
        self.dir.join(format!("{medium}.json"))
    }

    fn key(&self, medium: &str) -> PathBuf {
        self.dir.join(format!("{medium}.key"))
    }

    /// The unfinished wipe of this medium and its key; none when there is none, or one of the two files is no good (then the
    /// wipe begins anew, which is always right).
    ///
    /// # Errors
    /// When a file is there and cannot be read.
    pub fn load(&self, medium: &str) -> Result<Option<(Journal, [u8; KEY_BYTES])>, WipeFault> {
        let (Some(journal), Some(key)) = (read(&self.journal(medium))?, read(&self.key(medium))?) else { return Ok(None) };
        let journal: Option<Journal> = serde_json::from_slice(&journal).ok();
        let key = key.try_into().ok();
        Ok(journal.filter(|journal| journal.medium == medium).zip(key))
    }

    /// Keeps the key of a wipe that begins; the journal follows.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_key(&self, medium: &str, key: &[u8; KEY_BYTES]) -> Result<(), WipeFault> {
        self.replace(&self.key(medium), key)
    }

    /// Writes the journal durably.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, journal: &Journal) -> Result<(), WipeFault> {
        let bytes = serde_json::to_vec(journal).map_err(WipeFault::Json)?;
        self.replace(&self.journal(&journal.medium), &bytes)
    }

    /// Destroys the key and removes the journal: the wipe has ended, or begins anew.
    ///
    /// # Errors
    /// When one of the two is left.
    pub fn forget(&self, medium: &str) -> Result<(), WipeFault> {
        let path = self.key(medium);
        destroy(&path).map_err(at(&path))?;
        let path = self.journal(medium);
        absent_is_fine(fs::remove_file(&path)).map_err(at(&path))?;
        spool::sync_dir(&self.dir).map_err(at(&self.dir))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), WipeFault> {
        let partial = path.with_added_extension("partial");
        let write = || {
            let mode = Mode::RUSR.union(Mode::WUSR).bits();
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&partial)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&partial, path)?;
            spool::sync_dir(&self.dir)
        };
        write().map_err(at(path))
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> WipeFault {
    let path = path.to_path_buf();
    move |source| WipeFault::State { path: path.clone(), source }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, WipeFault> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

fn destroy(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).open(path) {
        Ok(mut file) => {
            file.write_all(&[0; KEY_BYTES])?;
            file.sync_all()?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    fs::remove_file(path)
}

fn absent_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_found_in_the_folder_first_named() {
        let state = tempfile::tempdir().unwrap();
        let (first, second) = (state.path().join("first"), state.path().join("second"));
        let journal = Journal {
            wipe: "wipe-1".into(),
            medium: "m".into(),
            started: String::new(),
            passes: 2,
            interruptions: 0,
            stage: Stage::Formatting,
            written: Vec::new(),
            native: None,
            bad: BadRanges::default(),
            certificates: first.clone().into_os_string(),
        };
        let journals = Journals::open(state.path()).unwrap();
        journals.keep_key("m", &[1; KEY_BYTES]).unwrap();
        journals.save(&journal).unwrap();
        let (journal, _) = journals.load("m").unwrap().unwrap();
        assert!(!journal.has_certificate(&second));
        fs::create_dir_all(first.join("wipe-1")).unwrap();
        assert!(journal.has_certificate(&second));
        let elsewhere = Journal { wipe: "wipe-2".into(), ..journal };
        assert!(!elsewhere.has_certificate(&second));
    }
}
