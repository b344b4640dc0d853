//! Brings a sealed release to its target: hidden until it is whole, read back and compared, then visible by one rename.
//!
//! **Invariants:** a reader of the target sees a whole release or none (I8); only what the signed manifest names is
//! delivered, and every byte of it was read back from the target before it became visible; nothing is overwritten;
//! delivering again after any interruption gives the same one release.

use crate::manifest::{MANIFEST, Manifest, Purpose, SIGNATURE, signed_by};
use crate::target::{OutboxFault, Target, TargetError};
use model::Digest;
use model::policy::ReleasePolicy;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// BOUND: a pause between two attempts is not doubled past this; a target that comes back is found within a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a delivery did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The target as people know it.
    pub place: String,
    /// Files of the release, manifest and signature among them.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files written now; the others were there already, and right.
    pub written: usize,
    /// Whether all of it was visible already: an earlier delivery had ended unrecorded.
    pub already: bool,
}

/// The hidden name of a release that is being written.
pub fn partial_name(session: &str) -> String {
    format!(".schleuse-{session}.partial")
}

/// Delivers the sealed folder `sealed` as `session`. `pause` waits between attempts.
///
/// What was written stays hidden on the target when it goes away, and is used by the next call; after any other failure
/// it is removed as far as that can be done.
///
/// # Errors
/// When the release is not on the target; it is whole in `sealed` still, and nothing of it is visible.
pub fn deliver(
    sealed: &Path,
    session: &str,
    target: &mut dyn Target,
    policy: &ReleasePolicy,
    pause: &dyn Fn(Duration),
) -> Result<Delivered, TargetError> {
    let parcel = Parcel::open(sealed, session)?;
    let mut delivery = Delivery { parcel: &parcel, partial: partial_name(session), target, policy, pause, written: 0 };
    let ended = delivery.run();
    if let Err(error) = &ended
        && !matches!(error, TargetError::Gone { .. })
    {
        // A target that is full or denies keeps no rest of it; the failure itself is what is told.
        let _ = delivery.target.remove_tree(&delivery.partial);
    }
    ended
}

/// Removes what an interrupted delivery left hidden, when it will not be continued there.
///
/// # Errors
/// When the target is away.
pub fn withdraw(session: &str, target: &mut dyn Target) -> Result<(), TargetError> {
    target.remove_tree(&partial_name(session))
}

/// A file of the release.
struct Part {
    digest: Digest,
    bytes: u64,
}

/// A sealed folder, as its manifest says.
struct Parcel {
    root: PathBuf,
    session: String,
    /// Folders, each after the one it lies in.
    folders: BTreeSet<String>,
    /// Path → file; manifest and signature are apart.
    files: BTreeMap<String, Part>,
    /// Manifest and signature, written last.
    seals: BTreeMap<String, Part>,
}

impl Parcel {
    fn open(root: &Path, session: &str) -> Result<Self, TargetError> {
        let wrong = |cause| TargetError::Outbox { path: root.into(), cause };
        if session.is_empty() || session.starts_with('.') || session.contains(['/', '\\', '\0']) {
            return Err(wrong(OutboxFault::Session(model::escape_text(session))));
        }
        let read = |name: &str| fs::read_to_string(root.join(name)).map_err(|error| wrong(error.into()));
        let (text, signature) = (read(MANIFEST)?, read(SIGNATURE)?);
        signed_by(&text, &signature, Purpose::Release).ok_or_else(|| wrong(OutboxFault::Signature))?;
        let manifest = Manifest::from_text(&text).ok_or_else(|| wrong(OutboxFault::Manifest))?;
        let mut files = BTreeMap::new();
        for (path, digest) in manifest.files() {
            let meta = fs::symlink_metadata(root.join(path)).map_err(|error| wrong(error.into()))?;
            if !meta.is_file() {
                return Err(wrong(OutboxFault::Changed(model::escape_text(path))));
            }
            files.insert(path.clone(), Part { digest: *digest, bytes: meta.len() });
        }
        let seal = |text: &str| Part { digest: Digest(Sha256::digest(text).into()), bytes: text.len() as u64 };
        let seals = BTreeMap::from([(MANIFEST.to_owned(), seal(&text)), (SIGNATURE.to_owned(), seal(&signature))]);
        let mut parcel = Self { root: root.into(), session: session.into(), folders: BTreeSet::new(), files, seals };
        parcel.find_folders("").map_err(|error| wrong(error.into()))?;
        Ok(parcel)
    }

    /// All folders of the sealed one: those of unpacked archives may be empty.
    fn find_folders(&mut self, below: &str) -> io::Result<()> {
        for entry in fs::read_dir(self.root.join(below))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                // Its names went through the name policy; one that is no text was not made by this program.
                let name = entry.file_name().into_string().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
                let path = if below.is_empty() { name } else { format!("{below}/{name}") };
                self.find_folders(&path)?;
                self.folders.insert(path);
            }
        }
        Ok(())
    }

    fn parts(&self) -> impl Iterator<Item = (&String, &Part)> {
        self.files.iter().chain(&self.seals)
    }

    /// Whether the sealed file is still what the manifest says.
    fn holds(&self, path: &str, part: &Part) -> Result<(), TargetError> {
        let wrong = |cause| TargetError::Outbox { path: self.root.clone(), cause };
        let digest = crate::folder::digest_of(&self.root.join(path)).map_err(|error| wrong(error.into()))?;
        if digest == part.digest { Ok(()) } else { Err(wrong(OutboxFault::Changed(model::escape_text(path)))) }
    }
}

struct Delivery<'a> {
    parcel: &'a Parcel,
    partial: String,
    target: &'a mut dyn Target,
    policy: &'a ReleasePolicy,
    pause: &'a dyn Fn(Duration),
    written: usize,
}

impl Delivery<'_> {
    fn run(&mut self) -> Result<Delivered, TargetError> {
        let session = self.parcel.session.clone();
        if self.again(|target| target.exists(&session))? {
            return self.already_there();
        }
        let to_write: Vec<String> = self.missing()?;
        self.check_room(&to_write)?;
        let partial = self.partial.clone();
        self.again(|target| target.make_dir(&partial))?;
        for folder in &self.parcel.folders {
            self.again(|target| target.make_dir(&format!("{partial}/{folder}")))?;
        }
        let (seals, files): (Vec<_>, Vec<_>) = to_write.into_iter().partition(|path| self.parcel.seals.contains_key(path));
        self.write_until_right(files)?;
        self.write_until_right(seals)?;
        self.show()?;
        Ok(self.delivered(false))
    }

    /// Runs one operation, again while the target is away, as often as the policy says.
    fn again<T>(&mut self, mut operation: impl FnMut(&mut dyn Target) -> Result<T, TargetError>) -> Result<T, TargetError> {
        let mut pause = Duration::from_millis(self.policy.backoff_ms.into());
        for _ in 1..self.policy.attempts {
            match operation(self.target) {
                Err(TargetError::Gone { .. }) => (self.pause)(pause.min(LONGEST_PAUSE)),
                ended => return ended,
            }
            pause = pause.saturating_mul(2);
        }
        operation(self.target)
    }

    /// What the hidden folder does not hold rightly; wrong files are removed.
    fn missing(&mut self) -> Result<Vec<String>, TargetError> {
        let (parcel, partial) = (self.parcel, self.partial.clone());
        let all = parcel.parts().map(|(path, _)| path.clone()).collect();
        if !self.again(|target| target.exists(&partial))? {
            return Ok(all);
        }
        let mut missing = Vec::new();
        for path in all {
            if !self.is_right(&path, true)? {
                missing.push(path);
            }
        }
        Ok(missing)
    }

    /// Whether the hidden folder has the file, as the manifest says. A wrong one is removed.
    fn is_right(&mut self, path: &str, may_be_absent: bool) -> Result<bool, TargetError> {
        let full = format!("{}/{path}", self.partial);
        if may_be_absent && !self.again(|target| target.exists(&full))? {
            return Ok(false);
        }
        let right = Some(self.digest_of(&full)?) == self.parcel.part(path).map(|part| part.digest);
        if !right {
            self.again(|target| target.remove_tree(&full))?;
        }
        Ok(right)
    }

    fn digest_of(&mut self, full: &str) -> Result<Digest, TargetError> {
        self.again(|target| {
            let mut hash = Sha256::new();
            target.read_back(full, &mut |bytes| hash.update(bytes))?;
            Ok(Digest(hash.finalize().into()))
        })
    }

    fn check_room(&mut self, to_write: &[String]) -> Result<(), TargetError> {
        let needed: u64 = to_write.iter().filter_map(|path| self.parcel.part(path)).map(|part| part.bytes).sum();
        let Some(free) = self.again(|target| target.free_bytes())? else { return Ok(()) };
        let kept = self.policy.min_free_bytes;
        if free >= needed.saturating_add(kept) {
            return Ok(());
        }
        let cause = format!("{free} bytes are free, {needed} are to be written and {kept} must stay free (release.min_free_bytes)");
        Err(TargetError::full(self.target.place(), cause))
    }

    /// Writes files and reads them back, the wrong ones again.
    fn write_until_right(&mut self, mut paths: Vec<String>) -> Result<(), TargetError> {
        let partial = self.partial.clone();
        for _ in 0..self.policy.attempts {
            for path in &paths {
                self.write(path)?;
            }
            if !paths.is_empty() {
                self.again(|target| target.settle(&partial))?;
            }
            let mut wrong = Vec::new();
            for path in paths {
                if !self.is_right(&path, false)? {
                    wrong.push(path);
                }
            }
            if wrong.is_empty() {
                return Ok(());
            }
            for path in &wrong {
                if let Some(part) = self.parcel.part(path) {
                    self.parcel.holds(path, part)?;
                }
            }
            paths = wrong;
        }
        let name = paths.first().map(|path| model::escape_text(path)).unwrap_or_default();
        Err(TargetError::Altered { place: self.target.place().into(), name, attempts: self.policy.attempts })
    }

    fn write(&mut self, path: &str) -> Result<(), TargetError> {
        let (full, from) = (format!("{}/{path}", self.partial), self.parcel.root.join(path));
        let mut begun = false;
        self.again(|target| {
            // What an attempt that broke off has left would be in the way.
            if begun {
                target.remove_tree(&full)?;
            }
            begun = true;
            target.put(&full, &from)
        })?;
        self.written += 1;
        Ok(())
    }

    /// The one rename.
    fn show(&mut self) -> Result<(), TargetError> {
        let (partial, session) = (self.partial.clone(), self.parcel.session.clone());
        let mut begun = false;
        self.again(|target| {
            // The connection may have broken after the server had renamed.
            if begun && !target.exists(&partial)? && target.exists(&session)? {
                return Ok(());
            }
            begun = true;
            target.rename(&partial, &session)
        })?;
        let listed = self.again(|target| target.list(""))?;
        if listed.contains(&session) {
            return Ok(());
        }
        let cause = format!("{} is not listed after it was renamed to that", model::escape_text(&session));
        Err(TargetError::gone(self.target.place(), cause))
    }

    /// Something has the final name: this very release (the program ended between rename and record), or something foreign.
    fn already_there(&mut self) -> Result<Delivered, TargetError> {
        let session = self.parcel.session.clone();
        let parcel = self.parcel;
        for (path, part) in parcel.seals.iter().chain(&parcel.files) {
            let full = format!("{session}/{path}");
            if !self.again(|target| target.exists(&full))? || self.digest_of(&full)? != part.digest {
                return Err(TargetError::exists(self.target.place(), &session));
            }
        }
        let partial = self.partial.clone();
        self.again(|target| target.remove_tree(&partial))?;
        Ok(self.delivered(true))
    }

    fn delivered(&self, already: bool) -> Delivered {
        Delivered {
            place: self.target.place().into(),
            files: self.parcel.parts().count(),
            bytes: self.parcel.parts().map(|(_, part)| part.bytes).sum(),
            written: self.written,
            already,
        }
    }
}

impl Parcel {
    fn part(&self, path: &str) -> Option<&Part> {
        self.files.get(path).or_else(|| self.seals.get(path))
    }
}
