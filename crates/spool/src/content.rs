//! The spool of one session: each content once, named by its SHA-256 (I4).

use model::Digest;
use sha2::{Digest as _, Sha256};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Seek as _, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A spool directory of one session; removed with everything in it when dropped.
#[derive(Debug)]
pub struct Spool {
    dir: PathBuf,
    max_bytes: u64,
    written: Arc<AtomicU64>,
}

/// Content in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolFile {
    /// Where.
    pub path: PathBuf,
    /// SHA-256.
    pub digest: Digest,
    /// Length.
    pub size_bytes: u64,
}

/// Why spooling failed; always a fault of the station.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The directory cannot be made.
    #[error("the spool directory {path} cannot be made: {source}")]
    Create {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Writing failed.
    #[error("writing to the spool {path} failed: {source}. Is the disk full?")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Spool {
    /// Makes the spool of a session below `root` (mode 0700). Past `max_bytes` it is [full](Self::full).
    ///
    /// # Errors
    /// When it exists or cannot be made.
    pub fn create(root: &Path, session: &str, max_bytes: u64) -> Result<Self, SpoolError> {
        let dir = root.join(session);
        let make = || {
            DirBuilder::new().recursive(true).mode(0o700).create(root)?;
            DirBuilder::new().mode(0o700).create(&dir)
        };
        make().map_err(|source| SpoolError::Create { path: dir.clone(), source })?;
        Ok(Self { dir, max_bytes, written: Arc::default() })
    }

    /// Removes what sessions that never ended left below `root`.
    ///
    /// # Errors
    /// When something there cannot be removed.
    pub fn clear_leftovers(root: &Path, at_work: &[String]) -> io::Result<u32> {
        let mut removed = 0;
        let entries = match fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            other => other?,
        };
        for entry in entries {
            let entry = entry?;
            if at_work.iter().any(|session| entry.file_name() == session.as_str()) {
                continue;
            }
            fs::remove_dir_all(entry.path())?;
            removed += 1;
        }
        Ok(removed)
    }

    /// Starts new content.
    ///
    /// # Errors
    /// When no file can be made.
    pub fn writer(&self) -> Result<SpoolWriter, SpoolError> {
        let file = tempfile::Builder::new().prefix(".partial-").tempfile_in(&self.dir);
        let file = file.map_err(|source| SpoolError::Write { path: self.dir.clone(), source })?;
        Ok(SpoolWriter { file, hash: Sha256::new(), size_bytes: 0, dir: self.dir.clone(), written: Arc::clone(&self.written) })
    }

    /// The number of bytes allowed, when more than that have been written; equal contents count each time.
    pub fn full(&self) -> Option<u64> {
        (self.written.load(Ordering::Relaxed) > self.max_bytes).then_some(self.max_bytes)
    }

    /// The file of content that was spooled before.
    pub fn file(&self, digest: Digest, size_bytes: u64) -> SpoolFile {
        SpoolFile { path: self.dir.join(digest.hex()), digest, size_bytes }
    }

    /// Puts bytes that are already in memory into the spool.
    ///
    /// # Errors
    /// When writing fails.
    pub fn put(&self, bytes: &[u8]) -> Result<SpoolFile, SpoolError> {
        let mut writer = self.writer()?;
        writer.append(bytes)?;
        writer.finish()
    }

    /// Free bytes of the file system the spool lies on.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.dir)?;
        Ok(stat.f_bavail * stat.f_frsize)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What stays behind after a failure here is removed at the next start.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Content on its way into the spool, hashed as it is written.
#[derive(Debug)]
pub struct SpoolWriter {
    file: tempfile::NamedTempFile,
    hash: Sha256,
    size_bytes: u64,
    dir: PathBuf,
    written: Arc<AtomicU64>,
}

impl SpoolWriter {
    /// Adds bytes.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.hash.update(bytes);
        self.size_bytes += bytes.len() as u64;
        self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.write_all(bytes).map_err(|source| SpoolError::Write { path: self.dir.clone(), source })
    }

    /// Adds zeros that take no room on the disk.
    ///
    /// # Errors
    /// When the file cannot be made longer.
    pub fn append_zeros(&mut self, count: u64) -> Result<(), SpoolError> {
        let zeros = [0; 16 << 10];
        let mut left = count;
        while left > 0 {
            let step = left.min(zeros.len() as u64);
            self.hash.update(zeros.get(..step as usize).unwrap_or(&zeros));
            left -= step;
        }
        self.size_bytes += count;
        let longer = self.file.as_file().set_len(self.size_bytes).and_then(|()| self.file.seek(SeekFrom::End(0)).map(drop));
        longer.map_err(|source| SpoolError::Write { path: self.dir.clone(), source })
    }

    /// Bytes so far.
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Ends the content: it now lies under its digest.
    ///
    /// # Errors
    /// When the rename fails.
    pub fn finish(self) -> Result<SpoolFile, SpoolError> {
        let digest = Digest(self.hash.finalize().into());
        let path = self.dir.join(digest.hex());
        self.file.persist(&path).map_err(|error| SpoolError::Write { path: self.dir, source: error.error })?;
        Ok(SpoolFile { path, digest, size_bytes: self.size_bytes })
    }
}

impl SpoolFile {
    /// Opens the content for reading only.
    ///
    /// # Errors
    /// When it is gone.
    pub fn open(&self) -> Result<File, SpoolError> {
        File::open(&self.path).map_err(|source| SpoolError::Write { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_lies_under_its_digest_and_equal_content_lies_once() {
        let root = tempfile::tempdir().unwrap();
        let spool = Spool::create(root.path(), "s1", 5).unwrap();
        let one = spool.put(b"abc").unwrap();
        assert_eq!(spool.full(), None);
        let two = spool.put(b"abc").unwrap();
        assert_eq!(spool.full(), Some(5));
        assert_eq!(one, two);
        assert_eq!(one.digest.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(fs::read_dir(root.path().join("s1")).unwrap().count(), 1);
        drop(spool);
        assert!(!root.path().join("s1").exists());
    }

    #[test]
    fn zeros_that_take_no_room_are_content_like_any() {
        let root = tempfile::tempdir().unwrap();
        let spool = Spool::create(root.path(), "s1", u64::MAX).unwrap();
        let mut writer = spool.writer().unwrap();
        writer.append(b"a").unwrap();
        writer.append_zeros(100_000).unwrap();
        writer.append(b"b").unwrap();
        let sparse = writer.finish().unwrap();
        let whole = [b"a".to_vec(), vec![0; 100_000], b"b".to_vec()].concat();
        assert!(fs::read(&sparse.path).unwrap() == whole);
        assert_eq!(sparse, spool.put(&whole).unwrap());
    }

    #[test]
    fn leftovers_of_a_killed_session_are_removed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("dead")).unwrap();
        fs::write(root.path().join("dead/x"), "y").unwrap();
        assert_eq!(Spool::clear_leftovers(root.path(), &[]).unwrap(), 1);
        assert_eq!(Spool::clear_leftovers(&root.path().join("absent"), &[]).unwrap(), 0);
    }
}
