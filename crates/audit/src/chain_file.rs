//! The file of the chain that is being written: one month's.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::layout::{self, FileName};
use crate::{AuditError, durable};

/// The file that the next record goes to, unless its month is over.
pub(crate) struct ChainFile {
    pub(crate) name: FileName,
    path: PathBuf,
    file: File,
}

impl ChainFile {
    /// Opens the file, creating it if a kill came before that.
    pub(crate) fn open(state: &Path, name: &FileName) -> Result<Self, AuditError> {
        let path = layout::chain(state, name);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = opened
            .and_then(|file| durable::sync_dir(&layout::audit_dir(state)).map(|()| file))
            .map_err(|source| AuditError::OpenChain { path: path.clone(), source })?;
        Ok(Self { name: name.clone(), path, file })
    }

    /// Its length.
    pub(crate) fn bytes(&self) -> Result<u64, AuditError> {
        let metadata = self.file.metadata().map_err(|source| AuditError::ReadChain { path: self.path.clone(), source })?;
        Ok(metadata.len())
    }

    /// Writes `lines` at `offset`, durably: writing the same again changes nothing.
    pub(crate) fn write(&self, lines: &[u8], offset: u64) -> Result<(), AuditError> {
        self.file
            .write_all_at(lines, offset)
            .and_then(|()| self.file.sync_all())
            .map_err(|source| AuditError::WriteChain { path: self.path.clone(), source })
    }
}

/// Where in a file to read.
pub(crate) enum Begin {
    /// So many bytes from its beginning.
    At(u64),
    /// So many bytes before its end.
    BeforeEnd(u64),
}

/// Up to `bytes` bytes of a file of the chain; one that is not there is empty.
pub(crate) fn read(state: &Path, name: &FileName, from: &Begin, bytes: usize) -> Result<Vec<u8>, AuditError> {
    let path = layout::chain(state, name);
    read_at(&path, from, bytes).map_err(|source| AuditError::ReadChain { path, source })
}

fn read_at(path: &Path, from: &Begin, bytes: usize) -> io::Result<Vec<u8>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let offset = match from {
        Begin::At(offset) => *offset,
        Begin::BeforeEnd(back) => file.metadata()?.len().saturating_sub(*back),
    };
    let mut content = vec![0; bytes];
    let mut filled = 0;
    while let Some(rest) = content.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    content.truncate(filled);
    Ok(content)
}
