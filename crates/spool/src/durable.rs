//! Writing so that it is still there after a power cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes a new file with mode 0600 and syncs it; the directory is the caller's to sync.
///
/// # Errors
/// Any of create, write and fsync; an existing file is an error.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes a file with mode 0600 that is there whole or not at all, and durably: under a hidden name first, then by rename.
///
/// # Errors
/// Any of create, write, fsync and rename.
pub(crate) fn write_by_rename(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A bare name lies in the working directory.
    let dir = match path.parent().ok_or(io::ErrorKind::InvalidInput)? {
        here if here.as_os_str().is_empty() => Path::new("."),
        dir => dir,
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    let partial = dir.join(hidden).with_added_extension("partial");
    // Left by a kill in here.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write_durably(&partial, bytes)?;
    fs::rename(&partial, path)?;
    sync_dir(dir)
}

/// Syncs a directory, so that renames in it survive.
///
/// # Errors
/// When it cannot be opened or synced.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
