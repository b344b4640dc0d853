//! Files that are whole or absent after a power loss.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{CWD, RenameFlags};

/// Whether an existing file of the same name gives way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// The new content takes its place.
    Replace,
    /// It stays, and the write fails with [`io::ErrorKind::AlreadyExists`].
    Keep,
}

/// Creates `dir` and its parents, readable by the owner only.
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => Ok(()),
    }
}

/// Makes the names in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Writes `bytes` to `path` (mode 0600) so that after a power loss it holds either the old or the new
/// content in full: temporary file beside it, fsync, rename, fsync of the directory.
pub(crate) fn write(path: &Path, bytes: &[u8], existing: Existing) -> io::Result<()> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let temporary = path.with_added_extension("tmp");
    let written = write_and_rename(&temporary, path, bytes, existing);
    if written.is_err() {
        // What is left of the temporary file is worth nothing; that removing it may fail too changes nothing.
        let _ = std::fs::remove_file(&temporary);
    }
    written?;
    sync_dir(dir)
}

fn write_and_rename(temporary: &Path, path: &Path, bytes: &[u8], existing: Existing) -> io::Result<()> {
    // A leftover of a killed writer is truncated: the caller holds the lock, or uses `Existing::Keep`.
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    match existing {
        Existing::Replace => std::fs::rename(temporary, path),
        Existing::Keep => Ok(rustix::fs::renameat_with(CWD, temporary, CWD, path, RenameFlags::NOREPLACE)?),
    }
}

/// Reads `path`, at most `limit` bytes of it; longer files are an error.
pub(crate) fn read_capped(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// Overwrites a short private file with zeros and removes it.
pub(crate) fn overwrite_and_remove(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let bytes = file.metadata()?.len();
    io::copy(&mut io::repeat(0).take(bytes), &mut file)?;
    file.sync_all()?;
    std::fs::remove_file(path)
}
