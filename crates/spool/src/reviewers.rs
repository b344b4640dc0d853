//! The reviewers' public keys: what the station locks holds away with.

use crate::durable::write_by_rename;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Public keys (age X25519) of the people who may open holds.
#[derive(Clone)]
pub struct Reviewers {
    keys: Vec<age::x25519::Recipient>,
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReviewerError {
    /// The directory cannot be read.
    #[error("the reviewers' keys in {path} cannot be read: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that holds no key.
    #[error("{path} holds no reviewer key; expected one line starting with age1")]
    NoKey {
        /// Which.
        path: PathBuf,
    },
    /// A first identity that is none.
    #[error("{path} is there but holds no identity (a line starting with AGE-SECRET-KEY-); move it away")]
    NoIdentity {
        /// Which.
        path: PathBuf,
    },
    /// No keys at all.
    #[error("there is no reviewer key in {path}: put the reviewer's public key (a line starting with age1) into a file there")]
    Absent {
        /// Where.
        path: PathBuf,
    },
    /// The first key pair cannot be written.
    #[error("the first reviewer key cannot be written to {path}: {source}")]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Reviewers {
    /// Reads every `*.pub` in a directory.
    ///
    /// # Errors
    /// [`ReviewerError`]; an empty directory is an error, since nothing could be held.
    pub fn load(dir: &Path) -> Result<Self, ReviewerError> {
        let read = |source| ReviewerError::Read { path: dir.into(), source };
        let mut paths = Vec::new();
        match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => {
                for entry in other.map_err(read)? {
                    paths.push(entry.map_err(read)?.path());
                }
            }
        }
        paths.retain(|path| path.extension().is_some_and(|e| e == "pub"));
        paths.sort();
        let mut keys = Vec::new();
        for path in paths {
            let text = fs::read_to_string(&path).map_err(|source| ReviewerError::Read { path: path.clone(), source })?;
            let key = text.lines().map(str::trim).find(|line| line.starts_with("age1")).and_then(|line| line.parse().ok());
            keys.push(key.ok_or(ReviewerError::NoKey { path })?);
        }
        if keys.is_empty() {
            return Err(ReviewerError::Absent { path: dir.into() });
        }
        Ok(Self { keys })
    }

    /// Makes a first key pair: the public key below `dir`, the identity (secret) in `identity_file`, mode 0600. An identity
    /// that is there already is kept, and gets its public key: a start that was killed between the two left it.
    ///
    /// # Errors
    /// When either cannot be written, or the identity that is there is none.
    pub fn create_first(dir: &Path, identity_file: &Path) -> Result<Self, ReviewerError> {
        use age::secrecy::ExposeSecret as _;
        let write = |path: &Path, text: &str| {
            write_by_rename(path, text.as_bytes()).map_err(|source| ReviewerError::Write { path: path.into(), source })
        };
        fs::create_dir_all(dir).map_err(|source| ReviewerError::Write { path: dir.into(), source })?;
        let public = match fs::read_to_string(identity_file) {
            Ok(text) => {
                let secret = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).and_then(|line| line.parse().ok());
                let identity: age::x25519::Identity = secret.ok_or_else(|| ReviewerError::NoIdentity { path: identity_file.into() })?;
                identity.to_public()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let identity = age::x25519::Identity::generate();
                let (public, secret) = (identity.to_public(), identity.to_string());
                write(identity_file, &format!("# public key: {public}\n{}\n", secret.expose_secret()))?;
                public
            }
            Err(source) => return Err(ReviewerError::Read { path: identity_file.into(), source }),
        };
        write(&dir.join("first.pub"), &format!("{public}\n"))?;
        Ok(Self { keys: vec![public] })
    }

    pub(crate) fn recipients(&self) -> impl Iterator<Item = &dyn age::Recipient> {
        self.keys.iter().map(|key| key as &dyn age::Recipient)
    }

    /// The public keys as text.
    pub fn public_keys(&self) -> Vec<String> {
        self.keys.iter().map(ToString::to_string).collect()
    }
}

impl std::fmt::Debug for Reviewers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reviewers").field(&self.public_keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_start_killed_between_the_two_keys_is_finished_by_the_next() {
        let root = tempfile::tempdir().unwrap();
        let (dir, identity) = (root.path().join("reviewers"), root.path().join("identity.txt"));
        let first = Reviewers::create_first(&dir, &identity).unwrap();
        let secret = fs::read_to_string(&identity).unwrap();
        fs::remove_file(dir.join("first.pub")).unwrap();
        // And half of each file under its hidden name.
        fs::write(dir.join(".first.pub.partial"), "ag").unwrap();
        fs::write(root.path().join(".identity.txt.partial"), "# pub").unwrap();
        assert!(matches!(Reviewers::load(&dir), Err(ReviewerError::Absent { .. })));
        assert_eq!(Reviewers::create_first(&dir, &identity).unwrap().public_keys(), first.public_keys());
        assert_eq!(Reviewers::load(&dir).unwrap().public_keys(), first.public_keys());
        assert_eq!(fs::read_to_string(&identity).unwrap(), secret);

        fs::remove_file(dir.join("first.pub")).unwrap();
        fs::write(&identity, "").unwrap();
        assert!(matches!(Reviewers::create_first(&dir, &identity), Err(ReviewerError::NoIdentity { .. })));
    }
}
