//! Which devices may be read, and how: the part of the policy a device is judged by, and what the report says about it.

use serde::{Deserialize, Serialize};

/// What a block device is, as far as the policy tells devices apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// A disk of a USB device: stick, disk, card reader.
    Usb,
    /// An optical drive, however it is connected.
    Optical,
    /// A card in an SD or MMC slot.
    Mmc,
    /// A loop device: an image this machine shows as a disk.
    Virtual,
    /// Everything else: disks of the machine itself.
    System,
}

impl DeviceKind {
    /// The kind as policy and records spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usb => "usb",
            Self::Optical => "optical",
            Self::Mmc => "mmc",
            Self::Virtual => "virtual",
            Self::System => "system",
        }
    }
}

impl std::fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A device, or several: every key that is given must be equal. An entry without keys is refused with the policy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DevicePattern {
    /// Vendor: the USB identifier (four hexadecimal digits) or the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Product: the USB identifier (four hexadecimal digits) or the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Serial number, as the device gives it (escaped as in records).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Port, as the kernel names it (`1-2.3`: bus, then the port of each hub on the way).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
}

impl DevicePattern {
    /// Whether it names nothing, and so everything.
    pub const fn is_empty(&self) -> bool {
        self.vendor.is_none() && self.product.is_none() && self.serial.is_none() && self.port.is_none()
    }
}

/// Which devices may be read. Judged from what the kernel says about a device, before its first byte is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DevicePolicy {
    /// Kinds that are read: of `usb`, `optical`, `mmc`. The machine's own disks never are.
    pub kinds: Vec<DeviceKind>,
    /// Loop devices are read as well; for images, and for tests.
    pub allow_virtual: bool,
    /// When not empty, only these are read.
    pub allow: Vec<DevicePattern>,
    /// These are never read; stronger than `allow`.
    pub deny: Vec<DevicePattern>,
}

impl Default for DevicePolicy {
    fn default() -> Self {
        Self {
            kinds: vec![DeviceKind::Usb, DeviceKind::Optical, DeviceKind::Mmc],
            allow_virtual: false,
            allow: Vec::new(),
            deny: Vec::new(),
        }
    }
}

/// Who reads the file systems of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountBackend {
    /// The confined reader, and nothing else.
    #[default]
    Userspace,
    /// The kernel's drivers, through `schleuse-mountd`.
    Kernel,
}

/// How the file systems of a device are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MountPolicy {
    /// Who reads them.
    pub backend: MountBackend,
    /// What the kernel is asked to mount, in this order, until one succeeds; of those `schleuse-mountd` knows.
    pub file_systems: Vec<String>,
}

impl Default for MountPolicy {
    fn default() -> Self {
        let names = ["exfat", "vfat", "ntfs3", "ext4", "udf", "iso9660", "xfs"];
        Self { backend: MountBackend::default(), file_systems: names.map(str::to_owned).to_vec() }
    }
}

/// What the report and the record say about a device. Everything a device says of itself is escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// The kernel's name of the block device.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// USB identifiers, `vendor:product`, four hexadecimal digits each; none for what is not USB.
    pub usb_id: Option<String>,
    /// Vendor, by name.
    pub vendor: Option<String>,
    /// Product, by name.
    pub product: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Port it is plugged into.
    pub port: Option<String>,
    /// Size in bytes.
    pub size_bytes: u64,
    /// What the policy said: `admitted`, or why not.
    pub judgement: String,
}
