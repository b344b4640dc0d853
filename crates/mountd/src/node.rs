//! A block device by its kernel name: where sysfs has it, and its node opened for reading.

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use wire::MountRefusal;

/// Where the kernel shows block devices.
const CLASS: &str = "/sys/class/block";
// BOUND: `DISK_NAME_LEN` of the kernel, with the number of a partition.
const MAX_NAME_BYTES: usize = 40;

/// A block device of this machine that may be attached.
pub struct Node {
    name: String,
    sysfs: PathBuf,
}

impl Node {
    /// Looks a device up; refuses what does not come and go.
    pub fn find(name: &str, allow_virtual: bool) -> Result<Self, MountRefusal> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(fits) {
            return Err(MountRefusal::Name);
        }
        let sysfs = fs::canonicalize(Path::new(CLASS).join(name)).map_err(|_| MountRefusal::Absent)?;
        if !comes_and_goes(name, &sysfs, allow_virtual) {
            return Err(MountRefusal::NotRemovable);
        }
        Ok(Self { name: name.to_owned(), sysfs })
    }

    pub fn is_partition(&self) -> bool {
        self.sysfs.join("partition").exists()
    }

    /// The whole disk of a partition.
    pub fn disk(&self) -> Result<Self, MountRefusal> {
        let sysfs = self.sysfs.parent().ok_or(MountRefusal::Absent)?;
        let name = sysfs.file_name().and_then(|name| name.to_str()).ok_or(MountRefusal::Absent)?;
        Ok(Self { name: name.to_owned(), sysfs: sysfs.to_owned() })
    }

    pub fn partitions(&self) -> Result<Vec<Self>, MountRefusal> {
        let entries = fs::read_dir(&self.sysfs).map_err(|_| MountRefusal::Absent)?;
        let inside = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.join("partition").exists());
        Ok(inside.filter_map(|sysfs| Some(Self { name: sysfs.file_name()?.to_str()?.to_owned(), sysfs })).collect())
    }

    pub fn path(&self) -> PathBuf {
        Path::new("/dev").join(&self.name)
    }

    /// Opens the node for reading, and makes sure that it is the device of this name.
    pub fn open(&self, further: OFlags) -> Result<OwnedFd, MountRefusal> {
        let opened = open(self.path(), OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | further, Mode::empty());
        let device = opened.map_err(|error| match error {
            Errno::BUSY => MountRefusal::Busy,
            Errno::NOENT | Errno::NXIO | Errno::NODEV => MountRefusal::Absent,
            other => MountRefusal::Open(other.raw_os_error()),
        })?;
        let stat = fstat(&device).map_err(|error| MountRefusal::Open(error.raw_os_error()))?;
        let number = format!("{}:{}", rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
        let expected = fs::read_to_string(self.sysfs.join("dev")).unwrap_or_default();
        let is_it = FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice && expected.trim() == number;
        if is_it { Ok(device) } else { Err(MountRefusal::Absent) }
    }
}

/// Whether a device is of a kind that is plugged in: on USB, in a card slot, an optical drive.
fn comes_and_goes(name: &str, sysfs: &Path, allow_virtual: bool) -> bool {
    let parts: Vec<&str> = sysfs.components().filter_map(|part| part.as_os_str().to_str()).collect();
    let under = |prefix: &str| parts.iter().any(|part| part.starts_with(prefix));
    let digits = |rest: &str| rest.bytes().next().is_some_and(|b| b.is_ascii_digit());
    if parts.contains(&"virtual") {
        return allow_virtual && name.strip_prefix("loop").is_some_and(digits);
    }
    // An eMMC chip is a disk of the machine; a card says of itself that it is one.
    let says_card = |disk: &Path| fs::read_to_string(disk.join("device/type")).is_ok_and(|kind| kind.trim() == "SD");
    let is_card = || says_card(sysfs) || sysfs.parent().is_some_and(says_card);
    under("usb") || (under("mmc_host") && is_card()) || name.strip_prefix("sr").is_some_and(digits)
}
