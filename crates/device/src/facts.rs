//! What the kernel says about a block device, read from sysfs below an injected root.
//!
//! sysfs layout: `Documentation/ABI/stable/sysfs-block` and `testing/sysfs-bus-usb` of the kernel; interface classes: USB-IF
//! "Defined Class Codes". What a device says of itself is foreign: it is kept escaped and cut.

use model::device::{DeviceKind, DeviceRecord};
use model::escape_bytes;
use serde::Serialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of a sector as sysfs counts, whatever the device's own are.
const SECTOR_BYTES: u64 = 512;
// BOUND: USB strings have at most 126 characters (USB 2.0, 9.6.7); what is longer is cut.
const MAX_SAID_BYTES: usize = 256;
// BOUND: a USB device has at most 32 interfaces worth the name; kernel paths are a dozen levels deep.
const MAX_INTERFACES: usize = 256;

/// One interface of a USB device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// `bInterfaceClass`.
    pub class: u8,
    /// `bInterfaceSubClass`.
    pub subclass: u8,
    /// `bInterfaceProtocol`.
    pub protocol: u8,
}

impl Interface {
    /// Whether it is SCSI mass storage over one of the two transports that are read: Bulk-Only (BOT) or UAS
    /// (USB Mass Storage Class Overview 1.4, sections 2 and 3).
    pub const fn is_storage(self) -> bool {
        self.class == 0x08 && self.subclass == 0x06 && matches!(self.protocol, 0x50 | 0x62)
    }

    /// What it is, in words.
    pub const fn what(self) -> &'static str {
        match (self.class, self.subclass, self.protocol) {
            (0x08, 0x06, 0x50) => "mass storage (BOT)",
            (0x08, 0x06, 0x62) => "mass storage (UAS)",
            (0x08, ..) => "mass storage of a kind that is not read",
            (0x01, ..) => "audio",
            (0x02, 0x02, _) => "serial line (modem)",
            (0x02, ..) => "network or communication",
            (0x03, _, 0x01) => "keyboard",
            (0x03, _, 0x02) => "mouse",
            (0x03, ..) => "input (HID)",
            (0x06, ..) => "camera",
            (0x07, ..) => "printer",
            (0x09, ..) => "hub",
            (0x0a, ..) => "serial line or network (CDC)",
            (0x0b, ..) => "smart card",
            (0x0e, ..) => "video",
            (0xe0, ..) => "wireless or network",
            (0xfe, ..) => "application specific",
            (0xff, ..) => "vendor specific",
            _ => "unknown",
        }
    }
}

impl std::fmt::Display for Interface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:02x}/{:02x}/{:02x})", self.what(), self.class, self.subclass, self.protocol)
    }
}

/// A partition as the kernel sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// The kernel's name of its block device.
    pub name: String,
    /// Its number, from 1.
    pub number: u32,
    /// First byte.
    pub offset_bytes: u64,
    /// Length in bytes.
    pub size_bytes: u64,
}

/// Everything the policy judges by and the record names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceFacts {
    /// The kernel's name of the block device (`sdb`); its node is `/dev/` and this.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// USB vendor identifier.
    pub vendor_id: Option<u16>,
    /// USB product identifier.
    pub product_id: Option<u16>,
    /// Vendor by name, escaped.
    pub vendor: Option<String>,
    /// Product by name, escaped.
    pub product: Option<String>,
    /// Serial number, escaped.
    pub serial: Option<String>,
    /// Port (`1-2.3`), the slot's name for a card, its own name for a loop device.
    pub port: Option<String>,
    /// Size in bytes; 0 when no medium is in it.
    pub size_bytes: u64,
    /// The kernel's number of this medium in this drive (`diskseq`), where it numbers them.
    pub sequence: Option<u64>,
    /// Whether the kernel calls it removable.
    pub removable: bool,
    /// Interfaces of the whole USB device, in the order of their names; empty for what is not USB.
    pub interfaces: Vec<Interface>,
    /// Configurations of the USB device; the interfaces of the one in use are seen only. 0 for what is not USB.
    pub configurations: u32,
    /// Partitions by number.
    pub partitions: Vec<Partition>,
    /// The USB device's directory in sysfs.
    #[serde(skip)]
    pub usb_device: Option<PathBuf>,
}

impl DeviceFacts {
    /// For report and record.
    pub fn record(&self, judgement: &str) -> DeviceRecord {
        DeviceRecord {
            name: self.name.clone(),
            kind: self.kind,
            usb_id: self.vendor_id.zip(self.product_id).map(|(vendor, product)| format!("{vendor:04x}:{product:04x}")),
            vendor: self.vendor.clone(),
            product: self.product.clone(),
            serial: self.serial.clone(),
            port: self.port.clone(),
            size_bytes: self.size_bytes,
            judgement: judgement.to_owned(),
        }
    }
}

/// Why there are no facts.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// sysfs has no such block device.
    #[error("{name} is no block device of this machine")]
    Absent {
        /// The name.
        name: String,
    },
    /// A partition was named instead of its disk.
    #[error("{name} is a partition; name the whole disk, {disk}")]
    Partition {
        /// The name.
        name: String,
        /// The disk it lies on.
        disk: String,
    },
    /// A file of sysfs cannot be read, or says what it cannot say.
    #[error("{path} cannot be read: {source}")]
    Sysfs {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Whether a name can be a kernel name of a block device; keeps it from being a path.
pub fn is_kernel_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 32 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Names of all block devices but partitions, sorted.
///
/// # Errors
/// When sysfs cannot be read.
pub fn block_names(sysfs: &Path) -> Result<Vec<String>, FactsError> {
    let dir = sysfs.join("block");
    let failed = |source| FactsError::Sysfs { path: dir.clone(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        names.extend(name.to_str().filter(|name| is_kernel_name(name)).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// The kernel's name of the block device behind a node, from its device number.
///
/// # Errors
/// When sysfs does not know the number.
pub fn name_of_node(sysfs: &Path, major: u32, minor: u32) -> Result<String, FactsError> {
    let path = sysfs.join(format!("dev/block/{major}:{minor}"));
    let target = fs::canonicalize(&path).map_err(|source| FactsError::Sysfs { path: path.clone(), source })?;
    let name = target.file_name().and_then(|name| name.to_str()).filter(|name| is_kernel_name(name));
    name.map(str::to_owned).ok_or_else(|| FactsError::Absent { name: format!("{major}:{minor}") })
}

/// The facts about a whole disk. `sysfs` is `/sys`, or a tree that looks like it.
///
/// # Errors
/// [`FactsError`]; also when an interface of its USB device cannot be read: what is not known is not judged.
pub fn facts(sysfs: &Path, name: &str) -> Result<DeviceFacts, FactsError> {
    let absent = || FactsError::Absent { name: escape_bytes(name.as_bytes()) };
    if !is_kernel_name(name) {
        return Err(absent());
    }
    let entry = sysfs.join("class/block").join(name);
    let block = fs::canonicalize(&entry).or_else(|_| fs::canonicalize(sysfs.join("block").join(name))).map_err(|_| absent())?;
    if block.join("partition").exists() {
        let disk = block.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        return Err(FactsError::Partition { name: name.to_owned(), disk });
    }
    let sysfs_real = fs::canonicalize(sysfs).map_err(|source| FactsError::Sysfs { path: sysfs.to_owned(), source })?;
    let above: Vec<&Path> = block.ancestors().skip(1).take_while(|path| path.starts_with(&sysfs_real)).collect();
    let usb = above.iter().find(|path| path.join("bInterfaceClass").exists() || path.join("bDeviceClass").exists());
    let usb = usb.and_then(|path| if path.join("bDeviceClass").exists() { Some(*path) } else { path.parent() });
    let mut found = DeviceFacts {
        name: name.to_owned(),
        kind: kind_of(name, usb.is_some(), &block),
        vendor_id: None,
        product_id: None,
        vendor: said(&block.join("device/vendor")),
        product: said(&block.join("device/model")).or_else(|| said(&block.join("device/name"))),
        serial: said(&block.join("device/serial")),
        port: None,
        size_bytes: sectors(&block.join("size"))?.saturating_mul(SECTOR_BYTES),
        sequence: text(&block.join("diskseq")).and_then(|number| number.parse().ok()),
        removable: text(&block.join("removable")).as_deref() == Some("1"),
        interfaces: Vec::new(),
        configurations: 0,
        partitions: partitions_of(&block)?,
        usb_device: None,
    };
    if let Some(usb) = usb {
        from_usb(&mut found, usb)?;
    } else if found.kind == DeviceKind::Virtual {
        // So that the policy can name it.
        found.port = Some(name.to_owned());
    } else if found.kind == DeviceKind::Mmc {
        let slot = above.iter().filter_map(|path| path.file_name()?.to_str()).find(|part| is_slot(part));
        found.port = slot.map(str::to_owned);
    }
    Ok(found)
}

/// `mmc0`, not `mmc0:0001` (the card) or `mmc_host` (the class).
fn is_slot(part: &str) -> bool {
    part.strip_prefix("mmc").is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn kind_of(name: &str, usb: bool, block: &Path) -> DeviceKind {
    let numbered =
        |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()) && !rest.is_empty());
    if numbered("loop") && block.components().any(|part| part.as_os_str() == "virtual") {
        DeviceKind::Virtual
    } else if numbered("sr") {
        DeviceKind::Optical
    } else if usb && name.starts_with("sd") {
        DeviceKind::Usb
    } else if numbered("mmcblk")
        && text(&block.join("device/type")).is_some_and(|kind| kind == "SD" || (kind == "MMC" && removable_slot(block)))
    {
        DeviceKind::Mmc
    } else {
        DeviceKind::System
    }
}

/// An MMC that is soldered in (eMMC) is a disk of the machine; the kernel says so of the slot, or of the card.
fn removable_slot(block: &Path) -> bool {
    text(&block.join("removable")).as_deref() == Some("1") || text(&block.join("device/removable")).as_deref() == Some("removable")
}

fn from_usb(found: &mut DeviceFacts, usb: &Path) -> Result<(), FactsError> {
    let identifier = |file: &str| text(&usb.join(file)).and_then(|hex| u16::from_str_radix(&hex, 16).ok());
    (found.vendor_id, found.product_id) = (identifier("idVendor"), identifier("idProduct"));
    found.vendor = said(&usb.join("manufacturer")).or_else(|| found.vendor.take());
    found.product = said(&usb.join("product")).or_else(|| found.product.take());
    found.serial = said(&usb.join("serial"));
    found.port = usb.file_name().map(|name| name.to_string_lossy().into_owned());
    found.usb_device = Some(usb.to_owned());
    // One that does not say is taken for one that hides something.
    found.configurations = text(&usb.join("bNumConfigurations")).and_then(|number| number.parse().ok()).unwrap_or(u32::MAX);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| FactsError::Sysfs { path, source }
    };
    let mut interfaces = Vec::new();
    for entry in fs::read_dir(usb).map_err(failed(usb))? {
        let path = entry.map_err(failed(usb))?.path();
        if !path.join("bInterfaceClass").exists() {
            continue;
        }
        let byte = |file: &str| {
            let path = path.join(file);
            let value = fs::read_to_string(&path).map_err(failed(&path))?;
            u8::from_str_radix(value.trim(), 16).map_err(|_| failed(&path)(io::ErrorKind::InvalidData.into()))
        };
        let interface =
            Interface { class: byte("bInterfaceClass")?, subclass: byte("bInterfaceSubClass")?, protocol: byte("bInterfaceProtocol")? };
        if interfaces.len() >= MAX_INTERFACES {
            return Err(failed(usb)(io::ErrorKind::InvalidData.into()));
        }
        interfaces.push((path, interface));
    }
    // The kernel registers them one after another: those that are still to come may be anything.
    let announced = text(&usb.join("bNumInterfaces")).and_then(|number| number.parse().ok());
    if announced.is_some_and(|number: usize| number != interfaces.len()) {
        return Err(failed(usb)(io::ErrorKind::InvalidData.into()));
    }
    interfaces.sort_by(|a, b| a.0.cmp(&b.0));
    found.interfaces = interfaces.into_iter().map(|(_, interface)| interface).collect();
    Ok(())
}

fn partitions_of(block: &Path) -> Result<Vec<Partition>, FactsError> {
    let failed = |source| FactsError::Sysfs { path: block.to_owned(), source };
    let mut partitions = Vec::new();
    for entry in fs::read_dir(block).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(number) = text(&path.join("partition")).and_then(|number| number.parse().ok()) else { continue };
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| is_kernel_name(name)) else { continue };
        partitions.push(Partition {
            name: name.to_owned(),
            number,
            offset_bytes: sectors(&path.join("start"))?.saturating_mul(SECTOR_BYTES),
            size_bytes: sectors(&path.join("size"))?.saturating_mul(SECTOR_BYTES),
        });
    }
    partitions.sort_by_key(|partition| partition.number);
    Ok(partitions)
}

fn sectors(path: &Path) -> Result<u64, FactsError> {
    let failed = |source| FactsError::Sysfs { path: path.to_owned(), source };
    let value = fs::read_to_string(path).map_err(failed)?;
    value.trim().parse().map_err(|_| failed(io::ErrorKind::InvalidData.into()))
}

/// What the kernel says itself.
fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// What the device says: any bytes. The line's end is sysfs's own, and blanks pad SCSI names.
fn said(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes).trim_ascii();
    let shown = escape_bytes(bytes.get(..MAX_SAID_BYTES).unwrap_or(bytes));
    (!shown.is_empty()).then_some(shown)
}
