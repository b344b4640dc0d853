//! What this machine says about its block devices: sysfs, mounts, swap, udev. Only looks, never writes.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// errno of a device that is gone.
const NODEV: i32 = rustix::io::Errno::NODEV.raw_os_error();

/// Where the kernel and udev tell; tests hand in trees of their own.
#[derive(Debug, Clone)]
pub struct System {
    /// `/sys`.
    pub sys: PathBuf,
    /// `/proc`.
    pub proc: PathBuf,
    /// `/run`.
    pub run: PathBuf,
}

impl Default for System {
    fn default() -> Self {
        Self { sys: "/sys".into(), proc: "/proc".into(), run: "/run".into() }
    }
}

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// `major:minor` of the device.
    pub(crate) device: String,
    /// Where it is mounted.
    pub(crate) point: String,
    /// What was mounted, as it was named.
    pub(crate) source: String,
}

/// A loop device and what it stands on, as the kernel names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loop {
    /// Kernel name.
    pub(crate) name: String,
    /// File or device.
    pub(crate) backing: PathBuf,
}

/// What the loop device with this sysfs folder stands on; none for other devices and unused ones.
pub(crate) fn backing(folder: &Path) -> std::io::Result<Option<PathBuf>> {
    match fs::read(folder.join("loop/backing_file")) {
        Ok(bytes) => {
            let path = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            Ok(Some(OsStr::from_bytes(path).into()))
        }
        // A device that goes away while it is looked at answers ENODEV.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound || error.raw_os_error() == Some(NODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

impl System {
    /// All mounts (proc(5), mountinfo).
    pub(crate) fn mounts(&self) -> std::io::Result<Vec<Mount>> {
        let text = fs::read(self.proc.join("self/mountinfo"))?;
        Ok(String::from_utf8_lossy(&text).lines().filter_map(mount).collect())
    }

    /// Files and devices in use as swap.
    pub(crate) fn swaps(&self) -> Vec<String> {
        // A kernel without swap has no such file.
        let text = fs::read_to_string(self.proc.join("swaps")).unwrap_or_default();
        text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(unescape).collect()
    }

    /// The sysfs folder of device `major:minor`.
    pub(crate) fn folder(&self, major: u32, minor: u32) -> Option<PathBuf> {
        self.sys.join(format!("dev/block/{major}:{minor}")).canonicalize().ok()
    }

    /// All loop devices that stand on something.
    pub(crate) fn loops(&self) -> std::io::Result<Vec<Loop>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.sys.join("block"))? {
            let entry = entry?;
            if let Some(backing) = backing(&entry.path())? {
                found.push(Loop { name: entry.file_name().to_string_lossy().into_owned(), backing });
            }
        }
        Ok(found)
    }

    /// Serial number: udev's, then the device's own file, then that of a device above it (USB).
    pub(crate) fn serial(&self, folder: &Path) -> Option<String> {
        let from_udev = || {
            let number = text(&folder.join("dev"))?;
            let record = fs::read_to_string(self.run.join(format!("udev/data/b{number}"))).ok()?;
            record.lines().find_map(|line| line.strip_prefix("E:ID_SERIAL_SHORT=")).and_then(plain)
        };
        let own = || ["device/serial", "serial"].iter().find_map(|name| text(&folder.join(name)).as_deref().and_then(plain));
        let above = || {
            let device = folder.join("device").canonicalize().ok()?;
            let inside = device.ancestors().take_while(|place| place.starts_with(&self.sys) && **place != self.sys);
            // The USB device itself; above it stand hubs and controllers, whose numbers are not the medium's.
            let usb = inside.skip(1).find(|place| ["bDeviceClass", "idVendor"].iter().any(|name| place.join(name).exists()))?;
            text(&usb.join("serial")).as_deref().and_then(plain)
        };
        from_udev().or_else(own).or_else(above)
    }
}

/// The folder's disk and its partitions: name and `major:minor`.
pub(crate) fn parts(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    folders.extend(partitions(folder));
    for part in folders {
        let name = part.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.push((name, text(&part.join("dev")).unwrap_or_default()));
    }
    found
}

fn partitions(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.join("partition").is_file()).collect();
    found.sort();
    found
}

/// Devices that stand on the disk or on a partition of it.
pub(crate) fn holders(folder: &Path) -> BTreeSet<String> {
    let own = std::iter::once(folder.to_path_buf()).chain(partitions(folder));
    own.flat_map(|part| names_in(&part.join("holders"))).collect()
}

/// Devices the disk is made of.
pub(crate) fn slaves(folder: &Path) -> Vec<String> {
    names_in(&folder.join("slaves"))
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Which disk stands behind a sysfs folder: another stick or card in the same place is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Presence {
    folder: PathBuf,
    /// In units of 512 bytes.
    size: Option<String>,
    /// The kernel's running number of this disk, changed with each medium (Linux 5.15, sysfs-block).
    diskseq: Option<String>,
}

impl Presence {
    /// What stands there now.
    pub(crate) fn of(folder: &Path) -> Self {
        Self { folder: folder.into(), size: text(&folder.join("size")), diskseq: text(&folder.join("diskseq")) }
    }

    /// Whether the kernel lets nobody write on it.
    pub(crate) fn is_read_only(&self) -> bool {
        text(&self.folder.join("ro")).is_some_and(|flag| flag != "0")
    }

    /// Whether it stands there still and answers.
    pub(crate) fn is_there(&self) -> bool {
        // SCSI says `running`, NVMe `live`; others say nothing.
        let state = text(&self.folder.join("device/state"));
        Self::of(&self.folder) == *self && self.folder.exists() && state.is_none_or(|state| state == "running" || state == "live")
    }
}

/// A small file of sysfs, without the line end.
pub(crate) fn text(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned()).filter(|text| !text.is_empty())
}

/// A serial number people can type: 1 to 128 printable ASCII characters. The device chose it.
fn plain(serial: &str) -> Option<String> {
    let serial = serial.trim();
    let typable = (1..=128).contains(&serial.len()) && serial.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    // What firmware writes when it has none.
    let empty = serial.bytes().all(|byte| matches!(byte, b'0' | b' ' | b'-'));
    (typable && !empty).then(|| serial.to_owned())
}

fn mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ');
    let device = fields.nth(2)?.to_owned();
    let point = unescape(fields.nth(1)?);
    let source = unescape(after.split(' ').nth(1)?);
    Some(Mount { device, point, source })
}

/// Undoes the octal escapes of mountinfo and swaps.
fn unescape(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            bytes.push(byte);
            rest = after.get(3..).unwrap_or_default();
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_with_their_escapes() {
        let line = r"36 35 8:1 / /mnt/mein\040Stick rw,noatime shared:1 - ext4 /dev/sda1 rw";
        let expected = Mount { device: "8:1".into(), point: "/mnt/mein Stick".into(), source: "/dev/sda1".into() };
        assert_eq!(mount(line), Some(expected));
        assert_eq!(mount("36 35 8:1"), None);
    }

    #[test]
    fn a_serial_number_can_be_typed_and_is_not_made_of_zeroes() {
        assert_eq!(plain(" 4C530001 \n").as_deref(), Some("4C530001"));
        for none in ["", "   ", "000000000000", "a\u{1b}[31mb", "Größe"] {
            assert_eq!(plain(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_disk_that_was_exchanged_resized_or_stopped_is_not_there() {
        let place = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(place.path().join(file), text).unwrap();
        fs::create_dir(place.path().join("device")).unwrap();
        write("size", "2048\n");
        write("diskseq", "7\n");
        let presence = Presence::of(place.path());
        assert!(presence.is_there() && !presence.is_read_only());
        write("ro", "1\n");
        assert!(presence.is_there() && presence.is_read_only());
        for (file, other, same) in [("size", "0\n", "2048\n"), ("diskseq", "8\n", "7\n"), ("device/state", "offline\n", "running\n")] {
            write(file, other);
            assert!(!presence.is_there(), "{file}");
            write(file, same);
            assert!(presence.is_there(), "{file}");
        }
        fs::remove_dir_all(place.path()).unwrap();
        assert!(!presence.is_there());
    }
}
