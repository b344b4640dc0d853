//! A folder of a local or mounted file system.
//!
//! **Invariant:** nothing is written through a symbolic link, and nothing outside of the folder; the top folder is never
//! made here, so that a mount point without its mount gets nothing.

use super::{Target, TargetError, parents, split};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, ResolveFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Where the system keeps what should be mounted and what is.
const SHOULD: &str = "/etc/fstab";
const IS: &str = "/proc/self/mountinfo";
/// Links are not followed, and no path leads out.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// An open folder.
#[derive(Debug)]
pub struct Directory {
    place: String,
    top: OwnedFd,
}

impl Directory {
    /// Opens `path`, which must be there, and `folder` below it, which is made.
    ///
    /// # Errors
    /// When `path` is absent, or is a mount point and nothing is mounted, or cannot be used.
    pub fn open(path: &Path, folder: &str) -> Result<Self, TargetError> {
        let place = format!("the folder {}", model::escape_text(&path.to_string_lossy()));
        // Opening first: that mounts what is mounted on demand.
        let top = rustix::fs::open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| TargetError::of_call(&place, "", &error.into()))?;
        let texts = (std::fs::read_to_string(SHOULD).unwrap_or_default(), std::fs::read_to_string(IS).unwrap_or_default());
        if let Some(point) = unmounted(path, &texts.0, &texts.1) {
            return Err(TargetError::gone(&place, format!("nothing is mounted at {}", point.display())));
        }
        let mut directory = Self { place, top };
        for below in parents(folder) {
            directory.make_open_dir(below)?;
        }
        if !folder.is_empty() {
            directory.place = format!("{}/{}", directory.place, model::escape_text(folder));
            directory.top = directory.dir(folder)?;
        }
        Ok(directory)
    }

    fn failed(&self, path: &str) -> impl Fn(Errno) -> TargetError {
        move |error| TargetError::of_call(&self.place, path, &error.into())
    }

    fn open_at(&self, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, TargetError> {
        let shown = if path.is_empty() { "." } else { path };
        rustix::fs::openat2(&self.top, shown, flags | OFlags::CLOEXEC, mode, BENEATH).map_err(self.failed(path))
    }

    fn dir(&self, path: &str) -> Result<OwnedFd, TargetError> {
        self.open_at(path, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty())
    }

    fn parent<'p>(&self, path: &'p str) -> Result<(OwnedFd, &'p str), TargetError> {
        let (parent, name) = split(path);
        Ok((self.dir(parent)?, name))
    }

    /// `true` when it was made, `false` when it was there.
    fn make(&self, path: &str) -> Result<bool, TargetError> {
        let (parent, name) = self.parent(path)?;
        match rustix::fs::mkdirat(&parent, name, Mode::RWXU) {
            Ok(()) => rustix::fs::fsync(&parent).map(|()| true).map_err(self.failed(path)),
            Err(Errno::EXIST) => self.dir(path).map(|_| false),
            Err(error) => Err(self.failed(path)(error)),
        }
    }

    /// A folder of a route, made for all of the target's readers.
    fn make_open_dir(&self, path: &str) -> Result<(), TargetError> {
        if self.make(path)? { self.show(path) } else { Ok(()) }
    }

    fn show(&self, path: &str) -> Result<(), TargetError> {
        rustix::fs::fchmod(self.dir(path)?, Mode::from_raw_mode(0o755)).map_err(self.failed(path))
    }

    fn kind(&self, path: &str) -> Result<Option<FileType>, TargetError> {
        let (parent, name) = match self.parent(path) {
            Ok(found) => found,
            Err(error) => return self.absent_folder(split(path).0, error),
        };
        match rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.failed(path)(error)),
        }
    }

    /// Tells a folder that is not there from one that cannot be looked at.
    fn absent_folder<T>(&self, path: &str, error: TargetError) -> Result<Option<T>, TargetError> {
        match rustix::fs::openat2(&self.top, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), BENEATH) {
            Err(Errno::NOENT) if !path.is_empty() => Ok(None),
            _ => Err(error),
        }
    }
}

impl Target for Directory {
    fn place(&self) -> &str {
        &self.place
    }

    fn free_bytes(&mut self) -> Result<Option<u64>, TargetError> {
        let numbers = rustix::fs::fstatvfs(&self.top).map_err(self.failed(""))?;
        Ok(Some(numbers.f_bavail.saturating_mul(numbers.f_frsize)))
    }

    fn make_dir(&mut self, path: &str) -> Result<(), TargetError> {
        // The hidden folder stays closed until it is renamed; what lies in it is for the target's readers.
        if path.contains('/') { self.make_open_dir(path) } else { self.make(path).map(drop) }
    }

    fn put(&mut self, path: &str, from: &Path) -> Result<(), TargetError> {
        let mut source = File::open(from).map_err(|error| outbox(from, error))?;
        let mode = Mode::from_raw_mode(0o644);
        let mut file = File::from(self.open_at(path, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, mode)?);
        io::copy(&mut source, &mut file).map(drop).map_err(|error| TargetError::of_call(&self.place, path, &error))
    }

    fn settle(&mut self, path: &str) -> Result<(), TargetError> {
        // Files and folders at once: one flush of the file system instead of two per file.
        rustix::fs::syncfs(self.dir(path)?).map_err(self.failed(path))
    }

    fn read_back(&mut self, path: &str, sink: &mut dyn FnMut(&[u8])) -> Result<(), TargetError> {
        let mut file = File::from(self.open_at(path, OFlags::RDONLY, Mode::empty())?);
        // What was settled is read from the disk or server, not from this machine's memory; only advice, so nothing hangs on it.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        let mut buffer = vec![0; 256 << 10];
        loop {
            let n = file.read(&mut buffer).map_err(|error| TargetError::of_call(&self.place, path, &error))?;
            let Some(read) = buffer.get(..n).filter(|read| !read.is_empty()) else { return Ok(()) };
            sink(read);
        }
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, TargetError> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(self.dir(path)?).map_err(self.failed(path))? {
            let name = entry.map_err(self.failed(path))?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn exists(&mut self, path: &str) -> Result<bool, TargetError> {
        Ok(self.kind(path)?.is_some())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), TargetError> {
        let ((old_parent, old), (new_parent, new)) = (self.parent(from)?, self.parent(to)?);
        self.show(from)?;
        let renamed = match rustix::fs::renameat_with(&old_parent, old, &new_parent, new, RenameFlags::NOREPLACE) {
            // The file system has no such rename. A folder with something in it is not overwritten by a plain one either.
            Err(Errno::INVAL | Errno::NOSYS) if !self.exists(to)? => rustix::fs::renameat(&old_parent, old, &new_parent, new),
            Err(Errno::INVAL | Errno::NOSYS) => Err(Errno::EXIST),
            other => other,
        };
        renamed.map_err(self.failed(to))?;
        rustix::fs::fsync(&new_parent).map_err(self.failed(to))
    }

    fn remove_tree(&mut self, path: &str) -> Result<(), TargetError> {
        match self.kind(path)? {
            None => Ok(()),
            Some(FileType::Directory) => {
                for name in self.list(path)? {
                    self.remove_tree(&format!("{path}/{name}"))?;
                }
                self.unlink(path, AtFlags::REMOVEDIR)
            }
            Some(_) => self.unlink(path, AtFlags::empty()),
        }
    }
}

impl Directory {
    fn unlink(&self, path: &str, flags: AtFlags) -> Result<(), TargetError> {
        let (parent, name) = self.parent(path)?;
        rustix::fs::unlinkat(&parent, name, flags).map_err(self.failed(path))
    }
}

/// The sealed file itself cannot be read.
pub(super) fn outbox(from: &Path, error: io::Error) -> TargetError {
    TargetError::Outbox { path: from.into(), cause: error.into() }
}

/// The nearest mount point of `should` (fstab) at or above `path`, when it is not among those of `is` (mountinfo).
fn unmounted(path: &Path, should: &str, is: &str) -> Option<PathBuf> {
    let point = |line: &str, field| line.split_whitespace().nth(field).map(|word| PathBuf::from(unescape(word)));
    let wanted = should.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| point(line, 1));
    let nearest = wanted.filter(|point| path.starts_with(point)).max_by_key(|point| point.components().count())?;
    let mounted = is.lines().filter_map(|line| point(line, 4)).any(|point| point == nearest);
    (!mounted).then_some(nearest)
}

/// Both tables write blanks as three octal digits (fstab(5), proc(5)).
fn unescape(word: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(word.to_owned(), |text, (code, c)| text.replace(code, c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_without_its_mount_is_seen() {
        let should = "# <fs>\nUUID=1 / ext4 defaults 0 1\n//files/out /srv/the\\040share cifs noauto 0 0\n";
        let root = "21 1 254:0 / / rw - ext4 /dev/vda rw\n";
        let both = format!("{root}30 21 0:40 / /srv/the\\040share rw - cifs //files/out rw\n");
        let at = |path: &str, is: &str| unmounted(Path::new(path), should, is);
        assert_eq!(at("/srv/the share/in", root), Some("/srv/the share".into()));
        assert_eq!(at("/srv/the share/in", &both), None);
        assert_eq!(at("/srv/other", root), None);
    }
}
