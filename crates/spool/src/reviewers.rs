//! The reviewers' public keys: what the station locks holds away with, and what their decisions are checked with.
//!
//! One file a reviewer, `NAME.pub`; the name is the pseudonym in the audit chain. A file without the signing line can only
//! lock away: nobody decides with it.

use crate::durable::{sync_dir, write_by_rename};
use crate::identity::{IdentityError, IdentityFile, ReviewerIdentity};
use ring::signature::{ED25519, UnparsedPublicKey};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Longest name of a reviewer.
const MAX_NAME: usize = 32;
/// Name of the reviewer whose key a station makes by itself.
const FIRST: &str = "first";

/// Whether `name` may be a reviewer's: 1 to 32 of a-z, 0-9 and -.
pub fn is_reviewer_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// So many bytes from twice as many lower-case hexadecimal digits.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    let mut out = [0; N];
    for (slot, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

/// An Ed25519 public key. `Display` is 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SigningKey(pub [u8; 32]);

impl SigningKey {
    /// Whether `signature` (hexadecimal) is this key's over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let signature = from_hex::<64>(signature);
        signature.is_some_and(|bytes| UnparsedPublicKey::new(&ED25519, &self.0).verify(message, &bytes).is_ok())
    }
}

impl fmt::Display for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// One registered reviewer.
#[derive(Clone)]
pub struct Reviewer {
    /// Name, and pseudonym.
    pub name: String,
    /// What decisions are checked with; none: this reviewer cannot decide.
    pub signing: Option<SigningKey>,
    recipient: age::x25519::Recipient,
}

impl Reviewer {
    /// Reads the text of a `.pub` file.
    fn parse(name: &str, text: &str) -> Option<Self> {
        let lines = || text.lines().map(str::trim);
        let recipient = lines().find(|line| line.starts_with("age1"))?.parse().ok()?;
        let signing = match lines().find_map(|line| line.strip_prefix("ed25519 ")) {
            Some(digits) => Some(SigningKey(from_hex(digits.trim())?)),
            None => None,
        };
        Some(Self { name: name.to_owned(), signing, recipient })
    }

    /// The key holds are encrypted to, as text.
    pub fn public_key(&self) -> String {
        self.recipient.to_string()
    }

    fn lines(&self) -> String {
        let signing = self.signing.map(|key| format!("ed25519 {key}\n")).unwrap_or_default();
        format!("{}\n{signing}", self.recipient)
    }
}

/// The registered reviewers.
#[derive(Clone)]
pub struct Reviewers {
    registered: Vec<Reviewer>,
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
    #[error("{path} holds no reviewer key; expected a line starting with age1, and for one who decides a line `ed25519 HEX`")]
    NoKey {
        /// Which.
        path: PathBuf,
    },
    /// A name that is none.
    #[error("{path}: a reviewer's name has 1 to 32 of a-z, 0-9 and -; rename the file")]
    Name {
        /// Which.
        path: PathBuf,
    },
    /// A first identity that is none.
    #[error("the first reviewer's identity cannot be used: {0}; move it away")]
    First(#[from] IdentityError),
    /// No keys at all.
    #[error("there is no reviewer key in {path}: put the reviewer's public key (a line starting with age1) into a file there")]
    Absent {
        /// Where.
        path: PathBuf,
    },
    /// A key cannot be written or removed.
    #[error("the reviewer key {path} cannot be written: {source}")]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The name or the key is somebody's already.
    #[error("{name} cannot be added: name or key belong to {other} already")]
    Taken {
        /// Who was to be added.
        name: String,
        /// Whose it is.
        other: String,
    },
    /// Nobody of that name.
    #[error("there is no reviewer {name}")]
    Unknown {
        /// Who, escaped.
        name: String,
    },
    /// Without the last key nothing could be held.
    #[error("{name} is the last reviewer; add another one first")]
    Last {
        /// Who.
        name: String,
    },
}

impl Reviewers {
    /// Reads every `*.pub` in a directory.
    ///
    /// # Errors
    /// [`ReviewerError`]; an empty directory is an error, since nothing could be held.
    pub fn load(dir: &Path) -> Result<Self, ReviewerError> {
        let registered = Self::all(dir)?;
        if registered.is_empty() {
            return Err(ReviewerError::Absent { path: dir.into() });
        }
        Ok(Self { registered })
    }

    fn all(dir: &Path) -> Result<Vec<Reviewer>, ReviewerError> {
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
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Reads one `NAME.pub`.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn read(path: &Path) -> Result<Reviewer, ReviewerError> {
        let name = path.file_stem().and_then(|stem| stem.to_str()).filter(|name| is_reviewer_name(name));
        let name = name.ok_or_else(|| ReviewerError::Name { path: path.into() })?;
        let text = fs::read_to_string(path).map_err(|source| ReviewerError::Read { path: path.into(), source })?;
        Reviewer::parse(name, &text).ok_or_else(|| ReviewerError::NoKey { path: path.into() })
    }

    /// Registers the reviewer of a file `NAME.pub`, and says who that is. Who is registered with the same encryption key and
    /// without a signing key gets one.
    ///
    /// # Errors
    /// When it is none, or name or key are taken.
    pub fn add(dir: &Path, file: &Path) -> Result<Reviewer, ReviewerError> {
        let new = Self::read(file)?;
        for other in Self::all(dir)? {
            let same_key = other.public_key() == new.public_key();
            let completed = same_key && other.name == new.name && other.signing.is_none() && new.signing.is_some();
            let same_signing = other.signing.is_some() && other.signing == new.signing;
            if !completed && (same_key || same_signing || other.name == new.name) {
                return Err(ReviewerError::Taken { name: new.name, other: other.name });
            }
        }
        fs::create_dir_all(dir).map_err(|source| ReviewerError::Write { path: dir.into(), source })?;
        let path = dir.join(format!("{}.pub", new.name));
        write_by_rename(&path, new.lines().as_bytes()).map_err(|source| ReviewerError::Write { path, source })?;
        Ok(new)
    }

    /// Takes a reviewer's registration away: new holds are not encrypted to that key, and no decision of it counts any more.
    ///
    /// # Errors
    /// When there is nobody of that name, or nobody else.
    pub fn remove(dir: &Path, name: &str) -> Result<Reviewer, ReviewerError> {
        let mut registered = Self::all(dir)?;
        let at = registered.iter().position(|reviewer| reviewer.name == name);
        let at = at.ok_or_else(|| ReviewerError::Unknown { name: model::escape_text(name) })?;
        if registered.len() == 1 {
            return Err(ReviewerError::Last { name: name.to_owned() });
        }
        let path = dir.join(format!("{name}.pub"));
        fs::remove_file(&path).and_then(|()| sync_dir(dir)).map_err(|source| ReviewerError::Write { path, source })?;
        Ok(registered.swap_remove(at))
    }

    /// Makes a first key pair: the public key below `dir`, the identity (secret) in `identity_file`, mode 0600. An identity
    /// that is there already is kept, and gets its public key: a start that was killed between the two left it.
    ///
    /// # Errors
    /// When either cannot be written, or the identity that is there is none.
    pub fn create_first(dir: &Path, identity_file: &Path) -> Result<Self, ReviewerError> {
        fs::create_dir_all(dir).map_err(|source| ReviewerError::Write { path: dir.into(), source })?;
        let identity = match IdentityFile::read(identity_file) {
            Ok(file) => file.open("")?,
            Err(IdentityError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let identity = ReviewerIdentity::generate()?;
                identity.write_unprotected(identity_file)?;
                identity
            }
            Err(error) => return Err(error.into()),
        };
        let path = dir.join(format!("{FIRST}.pub"));
        write_by_rename(&path, identity.public_lines().as_bytes()).map_err(|source| ReviewerError::Write { path: path.clone(), source })?;
        Ok(Self { registered: vec![Self::read(&path)?] })
    }

    pub(crate) fn recipients(&self) -> impl Iterator<Item = &dyn age::Recipient> {
        self.registered.iter().map(|reviewer| &reviewer.recipient as &dyn age::Recipient)
    }

    /// The public keys as text.
    pub fn public_keys(&self) -> Vec<String> {
        self.registered.iter().map(Reviewer::public_key).collect()
    }

    /// All of them, by name.
    pub fn registered(&self) -> &[Reviewer] {
        &self.registered
    }

    /// Who has this name.
    pub fn named(&self, name: &str) -> Option<&Reviewer> {
        self.registered.iter().find(|reviewer| reviewer.name == name)
    }

    /// Whose identity this is: both keys must be the registered ones.
    pub fn whose(&self, identity: &ReviewerIdentity) -> Option<&Reviewer> {
        let (recipient, signing) = (identity.recipient().to_string(), identity.signing_key());
        self.registered.iter().find(|reviewer| reviewer.public_key() == recipient && reviewer.signing == Some(signing))
    }
}

impl fmt::Debug for Reviewers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.registered.iter().map(|reviewer| (&reviewer.name, reviewer.public_key()))).finish()
    }
}

impl fmt::Debug for Reviewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reviewer")
            .field("name", &self.name)
            .field("key", &self.public_key())
            .field("signing", &self.signing)
            .finish_non_exhaustive()
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
        assert!(matches!(Reviewers::create_first(&dir, &identity), Err(ReviewerError::First(IdentityError::NoIdentity { .. }))));
    }

    /// `NAME.pub` of a new identity.
    fn public_file(dir: &Path, name: &str) -> (PathBuf, ReviewerIdentity) {
        let identity = ReviewerIdentity::generate().unwrap();
        let path = dir.join(format!("{name}.pub"));
        fs::write(&path, identity.public_lines()).unwrap();
        (path, identity)
    }

    #[test]
    fn a_key_or_name_is_registered_once_and_the_last_one_stays() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("reviewers");
        let (anna, identity) = public_file(root.path(), "anna");
        let (bert, _) = public_file(root.path(), "bert");
        Reviewers::add(&dir, &anna).unwrap();
        assert!(matches!(Reviewers::remove(&dir, "anna"), Err(ReviewerError::Last { .. })));
        // The same person under a second name would be two.
        let copy = root.path().join("carl.pub");
        fs::copy(&anna, &copy).unwrap();
        assert!(matches!(Reviewers::add(&dir, &copy), Err(ReviewerError::Taken { other, .. }) if other == "anna"));
        // Nor with another encryption key.
        let of_bert = fs::read_to_string(&bert).unwrap();
        let mixed = format!("{}\ned25519 {}\n", of_bert.lines().next().unwrap(), identity.signing_key());
        fs::write(&copy, mixed).unwrap();
        assert!(matches!(Reviewers::add(&dir, &copy), Err(ReviewerError::Taken { .. })));
        Reviewers::add(&dir, &bert).unwrap();
        assert_eq!(Reviewers::load(&dir).unwrap().whose(&identity).unwrap().name, "anna");
        Reviewers::remove(&dir, "anna").unwrap();
        assert!(Reviewers::load(&dir).unwrap().whose(&identity).is_none());
        for bad in ["Anna.pub", "an na.pub", "abcdefghijklmnopqrstuvwxyz-0123456.pub"] {
            fs::copy(&anna, root.path().join(bad)).unwrap();
            assert!(matches!(Reviewers::add(&dir, &root.path().join(bad)), Err(ReviewerError::Name { .. })), "{bad}");
        }
    }

    #[test]
    fn a_key_without_a_signing_line_locks_away_and_decides_nothing_until_it_is_completed() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("reviewers");
        let (file, identity) = public_file(root.path(), "anna");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("anna.pub"), identity.public_lines().lines().next().unwrap()).unwrap();
        assert!(Reviewers::load(&dir).unwrap().whose(&identity).is_none());
        Reviewers::add(&dir, &file).unwrap();
        assert_eq!(Reviewers::load(&dir).unwrap().whose(&identity).unwrap().name, "anna");
    }
}
