//! A directory tree: walked below one descriptor with `openat2`, which never leaves it (no links, no `..`, no other mount).

use crate::stream::{Inventory, ReadError, ReadLimits, child, send_content};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags, openat2, statx};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::rc::Rc;
use wire::{EntryKind, FrameWriter};

const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS).union(ResolveFlags::NO_XDEV);

/// Walks the directory behind `root` and sends everything below it, names in byte order.
///
/// # Errors
/// [`ReadError`]: the root itself unreadable, a limit, or the supervisor gone.
pub fn read_tree<W: Write>(root: BorrowedFd<'_>, limits: ReadLimits, out: &mut FrameWriter<W>) -> Result<(), ReadError> {
    let mut inventory = Inventory::new(out, limits);
    let mut files = Vec::new();
    let mut waiting: VecDeque<Rc<[Vec<u8>]>> = VecDeque::from([Rc::from([])]);
    while let Some(directory) = waiting.pop_front() {
        let opened = open(root, &directory, OFlags::RDONLY | OFlags::DIRECTORY);
        let Some((fd, names)) = opened.and_then(|fd| names_in(&fd).map(|names| (fd, names))) else {
            if directory.is_empty() {
                return Err(ReadError::Source { offset: 0 });
            }
            inventory.entry(&child(&directory, b"(unreadable directory)"), EntryKind::Unreadable, 0)?;
            continue;
        };
        for name in names {
            let path = child(&directory, &name);
            let (kind, size_bytes) = look_at(&fd, &name).map_or((EntryKind::Unreadable, 0), |stat| (kind_of(&stat), stat.stx_size));
            match kind {
                EntryKind::Directory if inventory.may_descend(&path) => {
                    inventory.entry(&path, kind, 0)?;
                    waiting.push_back(path.into());
                }
                EntryKind::Directory => drop(inventory.entry(&path, EntryKind::Unreadable, 0)?),
                EntryKind::File => {
                    let index = inventory.entry(&path, kind, size_bytes)?;
                    // Files of a directory share its path: memory stays flat however deep they lie.
                    files.push(FileAt { index, directory: Rc::clone(&directory), name, size_bytes });
                }
                EntryKind::Link
                | EntryKind::Special
                | EntryKind::Stream
                | EntryKind::Unreadable
                | EntryKind::Encrypted
                | EntryKind::Area(_) => {
                    inventory.entry(&path, kind, 0)?;
                }
            }
        }
    }
    inventory.end()?;
    files.iter().try_for_each(|file| {
        // Not blocking: a FIFO put there since the inventory must not stop the walk.
        let content = open(root, &child(&file.directory, &file.name), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW);
        let mut content = content.filter(is_regular).map(File::from);
        send_content(out, file.index, content.as_mut().map(|file| file as &mut dyn Read), file.size_bytes, &limits)
    })
}

/// A regular file met in the inventory.
struct FileAt {
    index: u32,
    directory: Rc<[Vec<u8>]>,
    name: Vec<u8>,
    size_bytes: u64,
}

fn relative(path: &[Vec<u8>]) -> Vec<u8> {
    if path.is_empty() { b".".to_vec() } else { path.join(&b'/') }
}

fn open(root: BorrowedFd<'_>, path: &[Vec<u8>], flags: OFlags) -> Option<OwnedFd> {
    openat2(root, OsStr::from_bytes(&relative(path)), flags | OFlags::CLOEXEC, Mode::empty(), BENEATH).ok()
}

fn names_in(directory: &OwnedFd) -> Option<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory).ok()? {
        let name = entry.ok()?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    names.sort();
    Some(names)
}

/// Looks at an entry without following it.
fn look_at(directory: &OwnedFd, name: &[u8]) -> Option<Statx> {
    let wanted = StatxFlags::TYPE | StatxFlags::SIZE;
    statx(directory, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW, wanted).ok()
}

fn is_regular(file: &impl AsFd) -> bool {
    statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::TYPE).is_ok_and(|stat| kind_of(&stat) == EntryKind::File)
}

fn kind_of(stat: &Statx) -> EntryKind {
    match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Link,
        FileType::BlockDevice | FileType::CharacterDevice | FileType::Fifo | FileType::Socket | FileType::Unknown => EntryKind::Special,
    }
}
