//! Writing a release: into a hidden folder on the same file system, everything synced, then one rename.

use crate::manifest::{MANIFEST, Manifest, Purpose, SIGNATURE, sign};
use audit::StationKey;
use model::item::{Artefact, Provenance, Sanitised};
use model::{Digest, Item};
use sha2::{Digest as _, Sha256};
use spool::{SpoolFile, sync_dir};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const PARTIAL_PREFIX: &str = ".schleuse-";
const PARTIAL_SUFFIX: &str = ".partial";

/// Why releasing failed; a fault of the station, nothing unverified was released.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The target cannot be used.
    #[error("the release folder {path} cannot be used: {source}")]
    Target {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A release of that session is there already.
    #[error("a release {path} exists already")]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// Writing a file failed.
    #[error("writing {path} failed: {source}. Is the release folder full or read-only?")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The spool no longer holds the bytes that were verified.
    #[error("the finished file for {path} is not the one that was verified; it was not released")]
    Changed {
        /// Which, relative to the release.
        path: String,
    },
}

/// Permission to put the artefacts of one item into a release; issued only from a sanitised item.
#[derive(Debug)]
pub struct ReleaseTicket<'a> {
    item: &'a Item<Sanitised>,
}

impl<'a> ReleaseTicket<'a> {
    /// The only constructor.
    pub const fn issue(item: &'a Item<Sanitised>) -> Self {
        Self { item }
    }
    /// What may be released.
    pub fn artefacts(&self) -> &'a [Artefact] {
        self.item.artefacts()
    }
    /// Where it came from and goes to.
    pub const fn provenance(&self) -> &'a Provenance {
        self.item.provenance()
    }
}

/// A release being written; removed again when dropped unfinished.
#[derive(Debug)]
pub struct Release {
    target: PathBuf,
    partial: PathBuf,
    finished: PathBuf,
    manifest: Manifest,
    directories: BTreeSet<PathBuf>,
    committed: bool,
}

impl Release {
    /// Begins a release of `session` below `target`, which is made if absent.
    ///
    /// # Errors
    /// When the target cannot be written, or holds that session already.
    pub fn begin(target: &Path, session: &str) -> Result<Self, ReleaseError> {
        let unusable = |source| ReleaseError::Target { path: target.into(), source };
        fs::create_dir_all(target).map_err(unusable)?;
        let finished = target.join(session);
        if finished.exists() {
            return Err(ReleaseError::Exists { path: finished });
        }
        let partial = target.join(format!("{PARTIAL_PREFIX}{session}{PARTIAL_SUFFIX}"));
        DirBuilder::new().mode(0o700).create(&partial).map_err(unusable)?;
        let directories = BTreeSet::from([partial.clone()]);
        Ok(Self { target: target.into(), partial, finished, manifest: Manifest::default(), directories, committed: false })
    }

    /// Puts one artefact of a ticket at `path` (components relative to the release).
    ///
    /// # Errors
    /// When writing fails, or the bytes are not those that were verified.
    pub fn add(&mut self, ticket: &ReleaseTicket<'_>, artefact: &Artefact, bytes: &SpoolFile, path: &[String]) -> Result<(), ReleaseError> {
        let shown = path.join("/");
        let known = ticket.artefacts().contains(artefact);
        let mut file = bytes.open().map_err(|_| ReleaseError::Changed { path: shown.clone() })?;
        if !known || self.write(path, &mut file)? != artefact.digest() {
            return Err(ReleaseError::Changed { path: shown });
        }
        self.manifest.add(shown, artefact.digest());
        Ok(())
    }

    /// Makes an (empty) folder for an archive that was unpacked.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn add_folder(&mut self, path: &[String]) -> Result<(), ReleaseError> {
        self.make_directories(path).map(drop)
    }

    /// Adds a record of the lock itself (reports), written by this program.
    ///
    /// # Errors
    /// When writing fails.
    pub fn add_record(&mut self, name: &str, bytes: &[u8]) -> Result<Digest, ReleaseError> {
        let digest = self.write(&[name.to_owned()], &mut &bytes[..])?;
        self.manifest.add(name.to_owned(), digest);
        Ok(digest)
    }

    /// Writes manifest and signature and syncs everything: it is whole, and still hidden.
    ///
    /// # Errors
    /// When anything fails.
    pub fn seal(self, key: &StationKey) -> Result<Sealed, ReleaseError> {
        self.seal_for(key, Purpose::Release)
    }

    /// The same for a folder of records that is no release.
    ///
    /// # Errors
    /// As [`Release::seal`].
    pub fn seal_for(mut self, key: &StationKey, purpose: Purpose) -> Result<Sealed, ReleaseError> {
        let text = self.manifest.to_text();
        self.write(&[MANIFEST.into()], &mut text.as_bytes())?;
        self.write(&[SIGNATURE.into()], &mut sign(&text, key, purpose).as_bytes())?;
        // Everything at once, files and directories: one flush of the file system instead of two per file.
        File::open(&self.partial)
            .and_then(|folder| Ok(rustix::fs::syncfs(folder)?))
            .map_err(|source| ReleaseError::Write { path: self.partial.clone(), source })?;
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |source| ReleaseError::Write { path, source }
        };
        // Readable for the people the share is for, once it is whole.
        for directory in &self.directories {
            fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o755)).map_err(at(directory))?;
        }
        Ok(Sealed(self))
    }

    fn write(&mut self, path: &[String], from: &mut dyn io::Read) -> Result<Digest, ReleaseError> {
        let (name, parents) = path.split_last().map_or((String::new(), &[][..]), |(name, parents)| (name.clone(), parents));
        let full = self.make_directories(parents)?.join(name);
        let failed = |source| ReleaseError::Write { path: full.clone(), source };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&full).map_err(failed)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 256 << 10];
        loop {
            let n = from.read(&mut buffer).map_err(failed)?;
            let Some(read) = buffer.get(..n).filter(|read| !read.is_empty()) else { break };
            hash.update(read);
            file.write_all(read).map_err(failed)?;
        }
        Ok(Digest(hash.finalize().into()))
    }

    fn make_directories(&mut self, components: &[String]) -> Result<PathBuf, ReleaseError> {
        let mut path = self.partial.clone();
        for component in components {
            // Components come out of the name policy: no separators, no dots-only names.
            path.push(component);
            if self.directories.insert(path.clone()) {
                DirBuilder::new().mode(0o700).create(&path).map_err(|source| ReleaseError::Write { path: path.clone(), source })?;
            }
        }
        Ok(path)
    }
}

/// A release that is whole and still hidden; removed again when dropped.
#[derive(Debug)]
pub struct Sealed(Release);

impl Sealed {
    /// Makes it visible by rename; gives the folder.
    ///
    /// # Errors
    /// When the rename fails, or is not certain to survive a power cut; then nothing is visible.
    pub fn publish(mut self) -> Result<PathBuf, ReleaseError> {
        let release = &mut self.0;
        fs::rename(&release.partial, &release.finished).map_err(|source| ReleaseError::Write { path: release.finished.clone(), source })?;
        release.committed = true;
        sync_dir(&release.target).map_err(|source| {
            // The session is about to be voided, so its release is taken back.
            release.committed = fs::rename(&release.finished, &release.partial).is_err();
            ReleaseError::Write { path: release.target.clone(), source }
        })?;
        Ok(release.finished.clone())
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        if !self.committed {
            // What stays behind after a failure here is hidden, and removed at the next start.
            let _ = fs::remove_dir_all(&self.partial);
        }
    }
}

/// Makes the folder releases go to, if it is absent, and gives its inode number, by which a restart knows it again.
///
/// # Errors
/// When it cannot be made or looked at.
pub fn open_target(target: &Path) -> Result<u64, ReleaseError> {
    let opened = fs::create_dir_all(target).and_then(|()| fs::metadata(target));
    opened.map(|folder| folder.ino()).map_err(|source| ReleaseError::Target { path: target.into(), source })
}

/// Removes the hidden folder a killed session left in `target`; `true` when there was one.
///
/// # Errors
/// When it cannot be removed.
pub fn remove_leftovers(target: &Path, session: &str) -> io::Result<bool> {
    match fs::remove_dir_all(target.join(format!("{PARTIAL_PREFIX}{session}{PARTIAL_SUFFIX}"))) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// SHA-256 of a file, streamed.
pub(crate) fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let n = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..n).filter(|read| !read.is_empty()) else { break };
        hash.update(read);
    }
    Ok(Digest(hash.finalize().into()))
}
