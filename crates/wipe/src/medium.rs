//! The medium as a row of bytes, and the one file opened for writing.
//!
//! **Invariant.** Only a [`Confirmed`](crate::Confirmed) target becomes an [`OpenMedium`].

use crate::error::{Refusal, WipeFault};
use crate::system::Presence;
use crate::target::{Confirmed, Kind};
use rustix::fs::{Advice, OFlags};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};

/// Addresses, lengths and buffers of direct I/O are multiples of this.
// BOUND: the largest logical block of media in the field; larger ones are read and written through the cache.
pub(crate) const ALIGNMENT: usize = 4_096;

/// What is wiped: bytes at addresses. The product has one implementation, [`OpenMedium`]; tests wrap it to play lying media.
pub trait Medium: Sync {
    /// Size in bytes.
    fn size_bytes(&self) -> u64;
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// As the medium answers.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Reads all of `bytes` from `offset`.
    ///
    /// # Errors
    /// As the medium answers.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
    /// What was written is on the medium when this returns, and nothing of it in a cache of this machine.
    ///
    /// # Errors
    /// As the medium answers.
    fn sync(&self) -> io::Result<()>;
    /// Whether the medium is still attached, and the same one.
    fn present(&self) -> bool;
    /// Whether the kernel lets nobody write on it.
    fn read_only(&self) -> bool;
}

/// Bytes in memory where direct I/O takes them.
#[derive(Debug)]
pub(crate) struct Aligned {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    /// `length` zero bytes.
    pub(crate) fn new(length: usize) -> Self {
        let bytes = vec![0; length + ALIGNMENT];
        let start = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { bytes, start, length }
    }
    /// The first `length` bytes.
    pub(crate) fn first(&mut self, length: usize) -> &mut [u8] {
        let end = self.start + length.min(self.length);
        self.bytes.get_mut(self.start..end).unwrap_or_default()
    }
}

/// A device or image opened for wiping.
#[derive(Debug)]
pub struct OpenMedium {
    file: File,
    /// The same file without the kernel's cache, where it can be had.
    direct: Option<File>,
    size_bytes: u64,
    /// The disk that was looked at; none for files.
    presence: Option<Presence>,
}

impl OpenMedium {
    /// Opens it for reading and writing; a device exclusively, so that it cannot be mounted meanwhile.
    ///
    /// # Errors
    /// [`Refusal::Busy`], [`Refusal::Changed`] or [`Refusal::Open`].
    pub fn open(confirmed: &Confirmed) -> Result<Self, Refusal> {
        let target = confirmed.target();
        let path = &target.path;
        let mut flags = OFlags::CLOEXEC | OFlags::NOFOLLOW;
        if target.kind == Kind::Device {
            flags |= OFlags::EXCL;
        }
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags.bits() as i32).open(path).map_err(|source| {
            match rustix::io::Errno::from_io_error(&source) {
                Some(rustix::io::Errno::BUSY) => Refusal::Busy { path: path.clone() },
                Some(rustix::io::Errno::ROFS) => Refusal::ReadOnly { name: target.name.clone() },
                _ => Refusal::Open { path: path.clone(), source },
            }
        })?;
        let failed = |source| Refusal::Open { path: path.clone(), source };
        let meta = file.metadata().map_err(failed)?;
        // Files and devices alike: where the end is.
        let size = rustix::fs::seek(&file, rustix::fs::SeekFrom::End(0)).map_err(|errno| failed(errno.into()))?;
        let there = target.presence.as_ref().is_none_or(Presence::is_there);
        if (meta.dev(), meta.ino(), meta.rdev()) != target.node || size != target.size_bytes || !there {
            return Err(Refusal::Changed { path: path.clone() });
        }
        let direct = (target.logical_block_bytes as usize <= ALIGNMENT).then(|| Self::reopen_direct(&file)).flatten();
        Ok(Self { file, direct, size_bytes: size, presence: target.presence.clone() })
    }

    /// The descriptor's own file once more; what does not take `O_DIRECT` says so here.
    fn reopen_direct(file: &File) -> Option<File> {
        let same = format!("/proc/self/fd/{}", file.as_raw_fd());
        OpenOptions::new().read(true).write(true).custom_flags((OFlags::DIRECT | OFlags::CLOEXEC).bits() as i32).open(same).ok()
    }

    fn direct_for(&self, bytes: &[u8], offset: u64) -> Option<&File> {
        let aligned =
            bytes.as_ptr().align_offset(ALIGNMENT) == 0 && bytes.len().is_multiple_of(ALIGNMENT) && offset.is_multiple_of(ALIGNMENT as u64);
        self.direct.as_ref().filter(|_| aligned)
    }

    /// Whether the kernel's cache is left out.
    pub fn is_direct(&self) -> bool {
        self.direct.is_some()
    }
}

impl AsFd for OpenMedium {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Medium for OpenMedium {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.direct_for(bytes, offset).unwrap_or(&self.file).write_all_at(bytes, offset)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let file = self.direct_for(bytes, offset).unwrap_or(&self.file);
        file.read_exact_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()?;
        // What is not read directly shall come from the medium, not from this machine's memory.
        rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed).map_err(io::Error::from)
    }

    fn present(&self) -> bool {
        self.presence.as_ref().is_none_or(Presence::is_there)
    }

    fn read_only(&self) -> bool {
        self.presence.as_ref().is_some_and(Presence::is_read_only)
    }
}

/// The fault to report when it was not the medium that refused to be written; none when it was.
///
/// The kernel answers EPERM for a device made read-only (`blockdev --setro`); a medium's own errors are others.
pub(crate) fn forbidden(medium: &dyn Medium, error: &io::Error, offset: u64) -> Result<(), WipeFault> {
    removed(medium, offset)?;
    let forbidden = error.kind() == io::ErrorKind::PermissionDenied && medium.read_only();
    if forbidden { Err(WipeFault::ReadOnly { offset }) } else { Ok(()) }
}

/// The fault to report when the medium is gone; none when it is there and merely bad.
pub(crate) fn removed(medium: &dyn Medium, offset: u64) -> Result<(), WipeFault> {
    if medium.present() { Ok(()) } else { Err(WipeFault::Removed { offset }) }
}
