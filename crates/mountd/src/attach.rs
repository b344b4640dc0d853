//! Setting a disk and its partitions read-only, and opening it.

use crate::node::Node;
use rustix::fs::{OFlags, SeekFrom, seek};
use sandbox::block::{is_read_only, set_read_only};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use wire::MountRefusal;

/// The disk of this name, read-only and opened for nobody else, with its size in bytes.
pub fn attach(name: &str, allow_virtual: bool) -> Result<(OwnedFd, u64), MountRefusal> {
    let node = Node::find(name, allow_virtual)?;
    if node.is_partition() {
        return Err(MountRefusal::Absent);
    }
    // Exclusively: what is mounted, or part of a volume, is not ours to change.
    let disk = node.open(OFlags::EXCL)?;
    protect(disk.as_fd())?;
    protect_partitions(&node)?;
    let failed = |error: rustix::io::Errno| MountRefusal::Open(error.raw_os_error());
    let size_bytes = seek(&disk, SeekFrom::End(0)).map_err(failed)?;
    seek(&disk, SeekFrom::Start(0)).map_err(failed)?;
    Ok((disk, size_bytes))
}

/// Sets a disk and its partitions read-only, unless it is already.
pub fn protect_disk(node: &Node) -> Result<(), MountRefusal> {
    let disk = node.open(OFlags::empty())?;
    if !is_read_only(disk.as_fd()).map_err(refused)? {
        protect(node.open(OFlags::EXCL)?.as_fd())?;
    }
    protect_partitions(node)
}

fn protect_partitions(node: &Node) -> Result<(), MountRefusal> {
    node.partitions()?.iter().try_for_each(|partition| protect(partition.open(OFlags::empty())?.as_fd()))
}

fn protect(device: BorrowedFd<'_>) -> Result<(), MountRefusal> {
    set_read_only(device).map_err(refused)?;
    if is_read_only(device).map_err(refused)? { Ok(()) } else { Err(MountRefusal::NotReadOnly(0)) }
}

fn refused(error: std::io::Error) -> MountRefusal {
    MountRefusal::NotReadOnly(error.raw_os_error().unwrap_or(0))
}
