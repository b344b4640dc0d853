//! Where releases go: a folder of a file system, an SMB share, an SFTP server, behind one small seam.
//!
//! **Invariants:** a target never overwrites and never follows a link somebody else put there; what it says of a failure
//! holds no secret and nothing foreign unescaped; a target that does not encrypt, or is not the one it should be, gets
//! nothing.

mod directory;
mod error;

pub use directory::Directory;
pub use error::{OutboxFault, TargetError};

use model::policy::{ReleasePolicy, TargetPlace};
use std::path::Path;

/// A folder releases are put into. Paths are relative to it, `/`-separated, of components that went through the name
/// policy; the empty path is the folder itself. All calls block. After [`TargetError::Gone`] the next call connects anew.
pub trait Target: Send {
    /// How people know it: for messages, without a secret.
    fn place(&self) -> &str;

    /// Bytes that can still be written; `None` where the server does not say.
    ///
    /// # Errors
    /// When the target cannot be asked.
    fn free_bytes(&mut self) -> Result<Option<u64>, TargetError>;

    /// Makes a folder; one that is there already is as good.
    ///
    /// # Errors
    /// When it cannot be made, or something else has its name.
    fn make_dir(&mut self, path: &str) -> Result<(), TargetError>;

    /// Writes the file `from` at `path`, where nothing is yet.
    ///
    /// # Errors
    /// When it cannot be written whole.
    fn put(&mut self, path: &str, from: &Path) -> Result<(), TargetError>;

    /// Makes what was put below `path` outlast a power cut, as far as the target can do that.
    ///
    /// # Errors
    /// When it is not certain.
    fn settle(&mut self, path: &str) -> Result<(), TargetError>;

    /// Reads a file as the target has it now.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    fn read_back(&mut self, path: &str, sink: &mut dyn FnMut(&[u8])) -> Result<(), TargetError>;

    /// Names in a folder, hidden ones too.
    ///
    /// # Errors
    /// When it cannot be listed.
    fn list(&mut self, path: &str) -> Result<Vec<String>, TargetError>;

    /// Whether anything has that name.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn exists(&mut self, path: &str) -> Result<bool, TargetError>;

    /// Renames a folder, and opens it to those the target is for; nothing is overwritten.
    ///
    /// # Errors
    /// [`TargetError::Exists`] when the new name is taken; or when it cannot be renamed.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), TargetError>;

    /// Removes a file, or a folder with all that is in it; what is not there is as good as removed.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove_tree(&mut self, path: &str) -> Result<(), TargetError>;
}

/// Opens the folder `folder` (of a route: [`crate::folder_of`]; empty for the target's own) of a target, and makes it where
/// it is absent. The target's own folder must be there.
///
/// # Errors
/// When the target is away or does not let this program in.
pub fn connect(place: &TargetPlace, folder: &str, policy: &ReleasePolicy) -> Result<Box<dyn Target>, TargetError> {
    let _ = policy;
    match place {
        TargetPlace::Directory { path } => Ok(Box::new(Directory::open(Path::new(path), folder)?)),
        TargetPlace::Smb { .. } | TargetPlace::Sftp { .. } => Err(TargetError::gone("the target", "this kind is not built in yet")),
    }
}

/// The folder a path lies in, and its last component.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
