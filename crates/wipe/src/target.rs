//! What is to be wiped, and whether it may be: whole, writable, used by nobody, not the system's, and named by a person.
//!
//! **Invariant.** A [`Confirmed`] exists only for a target that passed every check here and whose serial number was given
//! letter for letter. Nothing in here opens anything for writing.

use crate::error::Refusal;
use crate::system::{self, Presence, System};
use model::escape_text;
use rustix::fs::{major, minor};
use serde::{Deserialize, Serialize};
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Mount points without which the station does not run.
const OF_THE_SYSTEM: &[&str] = &["/", "/boot", "/boot/efi", "/boot/firmware", "/efi", "/home", "/opt", "/srv", "/tmp", "/usr", "/var"];
/// Major number of SCSI optical drives (devices.txt of the kernel).
const OPTICAL_MAJOR: u32 = 11;
/// SCSI peripheral device type of optical drives (SPC-4 section 6.6.2).
const OPTICAL_TYPE: &str = "5";

/// Device or file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A whole block device.
    Device,
    /// A regular file with the image of a medium.
    Image,
}

/// A target that may be wiped once its serial number was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where, without symbolic links.
    pub path: PathBuf,
    /// Kernel name, or the file's name.
    pub name: String,
    /// Device or file.
    pub kind: Kind,
    /// Vendor and model as the device says, escaped; empty for images.
    pub model: String,
    /// What a person must type: the serial number; of a device without one, and of an image, the name of the file.
    pub serial: String,
    /// Whether `serial` is a serial number and not a name.
    pub has_serial: bool,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Smallest unit the device writes, in bytes.
    pub logical_block_bytes: u32,
    /// Whether the kernel says that it does not rotate; none for images.
    pub flash: Option<bool>,
    pub(crate) sysfs: Option<PathBuf>,
    /// Which disk it was that was looked at; none for images.
    pub(crate) presence: Option<Presence>,
    /// Device, inode and device number, by which the opened file is compared with the one looked at.
    pub(crate) node: (u64, u64, u64),
}

/// A target whose serial number was given.
#[derive(Debug)]
pub struct Confirmed(Target);

impl Confirmed {
    /// The target.
    pub const fn target(&self) -> &Target {
        &self.0
    }
}

impl Target {
    /// Looks at `path`. `state` is the station's state directory, in which nothing is wiped.
    ///
    /// # Errors
    /// The first [`Refusal`].
    pub fn look(path: &Path, state: &Path, system: &System) -> Result<Self, Refusal> {
        Self::inspect(path, state, system, None)
    }

    /// As [`Self::look`]; `above` is the loop device that stands on it and is to be wiped itself.
    fn inspect(path: &Path, state: &Path, system: &System, above: Option<&str>) -> Result<Self, Refusal> {
        let failed = |source| Refusal::Look { path: path.into(), source };
        let path = path.canonicalize().map_err(failed)?;
        let meta = fs::metadata(&path).map_err(failed)?;
        let kind = meta.file_type();
        if kind.is_block_device() {
            Self::device(path, &meta, state, system, above)
        } else if kind.is_file() {
            Self::image(path, &meta, state, system, above)
        } else {
            Err(Refusal::Kind { path })
        }
    }

    /// Takes what a person typed, or `--yes-erase` said.
    ///
    /// # Errors
    /// [`Refusal::SerialWrong`].
    pub fn confirm(self, typed: &str) -> Result<Confirmed, Refusal> {
        if typed == self.serial { Ok(Confirmed(self)) } else { Err(Refusal::SerialWrong { typed: escape_text(typed) }) }
    }

    fn device(path: PathBuf, meta: &fs::Metadata, state: &Path, system: &System, above: Option<&str>) -> Result<Self, Refusal> {
        let (number_major, number_minor) = (major(meta.rdev()), minor(meta.rdev()));
        let folder = system.folder(number_major, number_minor).ok_or_else(|| Refusal::Unknown { path: path.clone() })?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if folder.join("partition").exists() {
            return Err(Refusal::Partition { name });
        }
        let optical = system::text(&folder.join("device/type")).is_some_and(|code| code == OPTICAL_TYPE);
        if optical || number_major == OPTICAL_MAJOR || name.starts_with("sr") {
            return Err(Refusal::Optical { name });
        }
        // Before anything else is read, so that what is exchanged from here on is noticed.
        let presence = Some(Presence::of(&folder));
        unused(&name, &folder, system)?;
        if let Some(holder) = loop_over(meta, &path, &system::parts(&folder), system, above)? {
            return Err(Refusal::Held { name, holder });
        }
        let looked = |source| Refusal::Look { path: path.clone(), source };
        if let Some(backing) = system::backing(&folder).map_err(looked)? {
            // What is written on a loop device is written on what it stands on. Loop devices cannot stand on each other in a ring.
            Self::inspect(&backing, state, system, Some(&name))?;
        }
        if system::text(&folder.join("ro")).is_none_or(|flag| flag != "0") {
            return Err(Refusal::ReadOnly { name });
        }
        let number = |file: &str| system::text(&folder.join(file)).and_then(|text| text.parse::<u64>().ok());
        // Of 512 bytes each, whatever the device's own block is.
        let size_bytes = number("size").unwrap_or(0).saturating_mul(512);
        if size_bytes == 0 {
            return Err(Refusal::Empty { name });
        }
        let serial = system.serial(&folder);
        let described = ["device/vendor", "device/model", "device/name"].iter().filter_map(|file| system::text(&folder.join(file)));
        Ok(Self {
            model: escape_text(&described.collect::<Vec<_>>().join(" ")),
            has_serial: serial.is_some(),
            serial: serial.unwrap_or_else(|| name.clone()),
            kind: Kind::Device,
            size_bytes,
            logical_block_bytes: number("queue/logical_block_size").and_then(|size| u32::try_from(size).ok()).unwrap_or(512),
            flash: number("queue/rotational").map(|rotates| rotates == 0),
            sysfs: Some(folder),
            presence,
            node: (meta.dev(), meta.ino(), meta.rdev()),
            path,
            name,
        })
    }

    fn image(path: PathBuf, meta: &fs::Metadata, state: &Path, system: &System, above: Option<&str>) -> Result<Self, Refusal> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let shown = escape_text(&name);
        if state.canonicalize().is_ok_and(|state| path.starts_with(state)) {
            return Err(Refusal::OwnState { path });
        }
        if let Some(holder) = loop_over(meta, &path, &[], system, above)? {
            return Err(Refusal::Held { name: shown, holder });
        }
        if system.swaps().iter().any(|swap| Path::new(swap) == path) {
            return Err(Refusal::SystemDisk { name: shown, use_: "swap".into() });
        }
        if meta.permissions().readonly() {
            return Err(Refusal::ReadOnly { name: shown });
        }
        if meta.len() == 0 {
            return Err(Refusal::Empty { name: shown });
        }
        Ok(Self {
            name: shown,
            kind: Kind::Image,
            model: String::new(),
            serial: name,
            has_serial: false,
            size_bytes: meta.len(),
            logical_block_bytes: 512,
            flash: None,
            sysfs: None,
            presence: None,
            node: (meta.dev(), meta.ino(), meta.rdev()),
            path,
        })
    }
}

/// A loop device, other than `above`, that stands on the file or on one of the disk's `parts`.
fn loop_over(
    meta: &fs::Metadata,
    path: &Path,
    parts: &[(String, String)],
    system: &System,
    above: Option<&str>,
) -> Result<Option<String>, Refusal> {
    let loops = system.loops().map_err(|source| Refusal::Look { path: system.sys.join("block"), source })?;
    let stands_on_it = |backing: &Path| {
        let same = fs::metadata(backing).is_ok_and(|found| {
            let number = format!("{}:{}", major(found.rdev()), minor(found.rdev()));
            let is_part = found.file_type().is_block_device() && parts.iter().any(|(_, part)| *part == number);
            is_part || (found.dev(), found.ino()) == (meta.dev(), meta.ino())
        });
        // Named as it was when the loop device was made; that name may be gone.
        let name = backing.file_name().unwrap_or_default().to_string_lossy();
        same || backing == path || backing.starts_with("/dev") && parts.iter().any(|(part, _)| *part == name)
    };
    let others = loops.into_iter().filter(|found| Some(found.name.as_str()) != above);
    Ok(others.into_iter().find(|found| stands_on_it(&found.backing)).map(|found| found.name))
}

/// Nobody uses the disk: no mount, no swap, no device on top of it, and it is not on top of others.
fn unused(name: &str, folder: &Path, system: &System) -> Result<(), Refusal> {
    let parts = system::parts(folder);
    let mounts = system.mounts().map_err(|source| Refusal::Look { path: system.proc.join("self/mountinfo"), source })?;
    let is_part = |device: &str| {
        let last = Path::new(device).file_name().unwrap_or_default().to_string_lossy();
        device.starts_with("/dev/") && parts.iter().any(|(part, _)| *part == last)
    };
    // Some file systems (btrfs) have numbers of their own; the name of what was mounted still tells.
    let mut own: Vec<_> =
        mounts.iter().filter(|mount| parts.iter().any(|(_, number)| *number == mount.device) || is_part(&mount.source)).collect();
    own.sort_by_key(|mount| !OF_THE_SYSTEM.contains(&mount.point.as_str()));
    if let Some(mount) = own.first() {
        let (name, mount_point) = (name.to_owned(), escape_text(&mount.point));
        return Err(if OF_THE_SYSTEM.contains(&mount.point.as_str()) {
            Refusal::SystemDisk { name, use_: mount_point }
        } else {
            Refusal::Mounted { name, mount_point }
        });
    }
    if system.swaps().iter().any(|swap| is_part(swap)) {
        return Err(Refusal::SystemDisk { name: name.into(), use_: "swap".into() });
    }
    if let Some(holder) = system::holders(folder).into_iter().next() {
        return Err(Refusal::Held { name: name.into(), holder });
    }
    let below = system::slaves(folder);
    if !below.is_empty() {
        return Err(Refusal::Composed { name: name.into(), below: below.join(", ") });
    }
    Ok(())
}
