//! Mounting, detached: the mount stands in no table, and is gone with its last descriptor.

use crate::attach::protect_disk;
use crate::node::Node;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen};
use std::os::fd::OwnedFd;
use wire::MountRefusal;

/// `MOUNT_ATTR_NOSYMFOLLOW` (Linux 5.14), for which rustix has no name.
const NO_SYMLINKS: MountAttrFlags = MountAttrFlags::from_bits_retain(0x0020_0000);
/// What every mount is.
const ATTRIBUTES: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_RDONLY
    .union(MountAttrFlags::MOUNT_ATTR_NOSUID)
    .union(MountAttrFlags::MOUNT_ATTR_NODEV)
    .union(MountAttrFlags::MOUNT_ATTR_NOEXEC)
    .union(NO_SYMLINKS);

/// A file system that is mounted here, and what it takes to be read without a write: names as UTF-8, no journal replayed.
struct FileSystem {
    name: &'static str,
    flags: &'static [&'static str],
    strings: &'static [(&'static str, &'static str)],
}

const UTF8: (&str, &str) = ("iocharset", "utf8");
const FILE_SYSTEMS: [FileSystem; 7] = [
    FileSystem { name: "exfat", flags: &[], strings: &[UTF8] },
    FileSystem { name: "vfat", flags: &[], strings: &[("utf8", "1")] },
    FileSystem { name: "ntfs3", flags: &[], strings: &[UTF8] },
    FileSystem { name: "ext4", flags: &["noload"], strings: &[] },
    FileSystem { name: "udf", flags: &[], strings: &[UTF8] },
    FileSystem { name: "iso9660", flags: &[], strings: &[UTF8] },
    FileSystem { name: "xfs", flags: &["norecovery", "nouuid"], strings: &[] },
];

/// The root of the file system on a disk or partition, mounted for nobody to see.
pub fn mount(name: &str, file_system: &str, allow_virtual: bool) -> Result<OwnedFd, MountRefusal> {
    let known = FILE_SYSTEMS.iter().find(|known| known.name == file_system).ok_or(MountRefusal::FileSystem)?;
    let node = Node::find(name, allow_virtual)?;
    let whole = if node.is_partition() { Some(node.disk()?) } else { None };
    let whole = whole.as_ref().unwrap_or(&node);
    protect_disk(whole)?;
    // Held until it is mounted: as long as it is open, no other medium takes its name.
    let _held = whole.open(OFlags::empty())?;
    protect_disk(whole)?;
    detached(known, &node).map_err(|error| match error {
        Errno::BUSY => MountRefusal::Busy,
        Errno::NODEV => MountRefusal::FileSystem,
        other => MountRefusal::Mount(other.raw_os_error()),
    })
}

fn detached(known: &FileSystem, node: &Node) -> Result<OwnedFd, Errno> {
    let context = fsopen(known.name, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", node.path())?;
    fsconfig_set_flag(&context, "ro")?;
    known.flags.iter().try_for_each(|flag| fsconfig_set_flag(&context, *flag))?;
    known.strings.iter().try_for_each(|(key, value)| fsconfig_set_string(&context, *key, *value))?;
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, ATTRIBUTES)
}
