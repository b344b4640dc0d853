//! Where releases go: a folder of a file system, an SMB share, an SFTP server, behind one small seam.
//!
//! **Invariants:** a target never overwrites and never follows a link somebody else put there; what it says of a failure
//! holds no secret and nothing foreign unescaped; a target that does not encrypt, or is not the one it should be, gets
//! nothing.

mod directory;
mod error;
mod sftp;
mod smb;

pub use directory::Directory;
pub use error::{OutboxFault, TargetError};
pub use sftp::Sftp;
pub use smb::Smb;

use model::policy::{ReleasePolicy, TargetPlace};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

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
    match place {
        TargetPlace::Directory { path } => Ok(Box::new(Directory::open(Path::new(path), folder)?)),
        TargetPlace::Smb { server, port, share, folder: own, credentials } => {
            let credentials = credential(&format!("the share //{server}/{share}"), credentials)?;
            let share = smb::Share { server: server.clone(), port: *port, name: share.clone(), folder: own.clone(), credentials };
            Ok(Box::new(Smb::open(share, folder, policy)?))
        }
        TargetPlace::Sftp { server, port, user, folder: own, identity, known_hosts } => {
            let identity = credential(&format!("the server {server}"), identity)?;
            let (server, user, own) = (server.clone(), user.clone(), own.clone());
            let login = sftp::Login { server, port: *port, user, folder: own, identity, known_hosts: known_hosts.into() };
            Ok(Box::new(Sftp::open(login, folder, policy)?))
        }
    }
}

/// Where a secret lies: a file only its owner can read, or a systemd credential (`credential:NAME`, systemd.exec(5)). What
/// is in it is read by the program that logs in, not by this one.
fn credential(place: &str, setting: &str) -> Result<PathBuf, TargetError> {
    let denied = |cause: String| Err(TargetError::denied(place, cause));
    if let Some(name) = setting.strip_prefix("credential:") {
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
        return match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(folder) if plain => Ok(Path::new(&folder).join(name)),
            Some(_) => denied(format!("\"{name}\" is no name of a credential")),
            None => denied(format!("systemd handed over no credentials, so not \"{name}\" either (LoadCredential=)")),
        };
    }
    match std::fs::metadata(setting) {
        Err(error) => denied(format!("{setting}: {error}")),
        Ok(meta) if !meta.is_file() => denied(format!("{setting} is no file")),
        Ok(meta) if meta.mode() & 0o077 != 0 => denied(format!("others can read {setting}; set its mode to 0600")),
        Ok(_) => Ok(setting.into()),
    }
}

/// The folder a path lies in, and its last component.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// A path and the folders above it, the uppermost first: `a`, `a/b`, `a/b/c`.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_end_matches('/');
    let ends = path.match_indices('/').map(|(at, _)| at).chain((!path.is_empty()).then_some(path.len()));
    ends.filter_map(|end| path.get(..end))
}
