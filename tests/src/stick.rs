//! A medium that misbehaves as real ones do: a FUSE file system with one file, the image, whose bytes can stall, be
//! defective, or be others at the second read. The page cache is bypassed, so that every read of the line arrives here.

use anyhow::{Context as _, Result};
use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner, MountOption,
    OpenFlags, ReplyAttr, ReplyData, ReplyEntry, ReplyOpen, Request, SessionACL,
};
use rustix::fs::OFlags;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;

const NAME: &str = "stick.img";
const ROOT: u64 = 1;
const IMAGE: u64 = 2;
const BLOCK: u64 = 512;

/// What happens where a range of the image is read.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// `EIO`.
    Defective,
    /// No answer, ever.
    Stalls,
    /// These bytes instead, from the second read of a block on.
    Changes(Vec<u8>),
}

/// What was seen of those who read.
#[derive(Debug, Default)]
struct Seen {
    /// Reads of each block.
    reads: Mutex<BTreeMap<u64, u32>>,
    /// Attempts to open for writing.
    writers: AtomicU32,
    /// Requests that are never answered.
    waiting: Mutex<Vec<ReplyData>>,
}

/// The medium; gone when dropped.
#[derive(Debug)]
pub struct Stick {
    session: Option<BackgroundSession>,
    seen: Arc<Seen>,
    dir: TempDir,
}

#[derive(Debug)]
struct Image {
    bytes: Vec<u8>,
    behaviours: Vec<(Range<u64>, Behaviour)>,
    seen: Arc<Seen>,
}

impl Stick {
    /// Inserts it. `None`, with a word why, where this machine mounts no FUSE.
    ///
    /// # Errors
    /// When there is no place to mount it.
    pub fn insert(bytes: Vec<u8>, behaviours: Vec<(Range<u64>, Behaviour)>) -> Result<Option<Self>> {
        let dir = tempfile::tempdir().context("a place to mount the stick")?;
        let seen = Arc::new(Seen::default());
        let image = Image { bytes, behaviours, seen: Arc::clone(&seen) };
        let mut config = Config::default();
        // Anybody: the reader runs as nobody.
        config.acl = SessionACL::All;
        config.mount_options = vec![MountOption::FSName("stick".into()), MountOption::DefaultPermissions];
        match fuser::spawn_mount(image, dir.path(), &config) {
            Ok(session) => Ok(Some(Self { session: Some(session), seen, dir })),
            Err(error) => {
                println!("skipped: FUSE cannot be mounted here ({error})");
                Ok(None)
            }
        }
    }

    /// Where the image is.
    pub fn image(&self) -> PathBuf {
        self.dir.path().join(NAME)
    }

    /// How often each block of 512 bytes of a range was read.
    pub fn reads(&self, range: Range<u64>) -> Vec<u32> {
        let reads = self.seen.reads.lock().unwrap_or_else(PoisonError::into_inner);
        (range.start / BLOCK..range.end.div_ceil(BLOCK)).map(|block| reads.get(&block).copied().unwrap_or(0)).collect()
    }

    /// How often somebody wanted to write.
    pub fn writers(&self) -> u32 {
        self.seen.writers.load(Ordering::SeqCst)
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        // Whoever still waits gets an error, so that unmounting does not wait for them.
        self.seen.waiting.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|reply| reply.error(Errno::EIO));
        // Detached rather than refused: a reader that was ended may not have let go of the image yet.
        let _ = rustix::mount::unmount(self.dir.path(), rustix::mount::UnmountFlags::DETACH);
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}

impl Image {
    fn attributes(&self, node: u64) -> FileAttr {
        let image = node == IMAGE;
        FileAttr {
            ino: INodeNo(node),
            size: if image { self.bytes.len() as u64 } else { 0 },
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if image { FileType::RegularFile } else { FileType::Directory },
            perm: if image { 0o666 } else { 0o755 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            flags: 0,
            blksize: 512,
        }
    }

    /// Counts a read; whether all of its blocks were read before.
    fn count(&self, range: &Range<u64>) -> bool {
        let mut reads = self.seen.reads.lock().unwrap_or_else(PoisonError::into_inner);
        let blocks = range.start / BLOCK..range.end.div_ceil(BLOCK);
        blocks.fold(true, |again, block| {
            let count = reads.entry(block).or_default();
            *count += 1;
            again && *count > 1
        })
    }
}

impl Filesystem for Image {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == NAME {
            reply.entry(&Duration::ZERO, &self.attributes(IMAGE), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, node: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let node = if u64::from(node) == IMAGE { IMAGE } else { ROOT };
        reply.attr(&Duration::ZERO, &self.attributes(node));
    }

    fn open(&self, _: &Request, _: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let access = OFlags::from_bits_retain(flags.0 as u32) & (OFlags::WRONLY | OFlags::RDWR);
        if !access.is_empty() {
            self.seen.writers.fetch_add(1, Ordering::SeqCst);
        }
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(&self, _: &Request, _: INodeNo, _: FileHandle, offset: u64, size: u32, _: OpenFlags, _: Option<LockOwner>, reply: ReplyData) {
        let from = offset.min(self.bytes.len() as u64);
        let range = from..from.saturating_add(size.into()).min(self.bytes.len() as u64);
        let again = self.count(&range);
        let mut bytes = self.bytes.get(range.start as usize..range.end as usize).unwrap_or_default().to_vec();
        for (place, behaviour) in self.behaviours.iter().filter(|(place, _)| place.start < range.end && range.start < place.end) {
            match behaviour {
                Behaviour::Defective => return reply.error(Errno::EIO),
                Behaviour::Stalls => {
                    self.seen.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(reply);
                    return;
                }
                Behaviour::Changes(with) if again => {
                    let shared = place.start.max(range.start)..place.end.min(range.end);
                    for at in shared {
                        let new = with.get((at - place.start) as usize);
                        if let (Some(byte), Some(new)) = (bytes.get_mut((at - range.start) as usize), new) {
                            *byte = *new;
                        }
                    }
                }
                Behaviour::Changes(_) => {}
            }
        }
        reply.data(&bytes);
    }
}
