//! A medium as bytes (a disk or a raw image of one): partitions, then the file systems in them.

use crate::cache::{ByteSource, Window};
use crate::encrypted::{self, Attempts};
use crate::partitions::{self, Partition};
use crate::stream::{Inventory, ReadError, ReadLimits};
use crate::volume::{self, FileSystem, Opened};
use model::report::VolumeRemark;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write};
use std::rc::Rc;
use wire::{Answer, AreaKind, EntryKind, Foreign, FrameWriter, Locked, Unlock, VolumeInfo};

/// Walks an image and sends everything in it.
///
/// Paths begin with `partition N` when the image has more than one volume, so that equal paths stay two. Volumes nobody
/// can read and areas outside of every partition are entries: what is in them stays in them.
///
/// # Errors
/// [`ReadError`]: nothing readable at all, a limit, or the supervisor gone.
pub fn read_image<W: Write>(file: File, limits: ReadLimits, out: &mut FrameWriter<W>) -> Result<(), ReadError> {
    unlock_image(file, limits, &Unlock::default(), out)
}

/// As [`read_image`], with keys: they are tried on every encrypted volume, and what is in one that opens is read.
///
/// # Errors
/// As there. A volume that stays closed is an entry, not an error.
pub fn unlock_image<W: Write>(mut file: File, limits: ReadLimits, unlock: &Unlock, out: &mut FrameWriter<W>) -> Result<(), ReadError> {
    // Not from the metadata: those of a block device say 0.
    let length = file.seek(SeekFrom::End(0)).map_err(|_| ReadError::Source { offset: 0 })?;
    let bytes: Rc<dyn ByteSource> = Rc::new(file);
    let listing = partitions::list(&bytes, length).map_err(|_| ReadError::Source { offset: 0 })?;
    let several = listing.partitions.iter().filter(|partition| !partition.extended).count() > 1;
    let mut inventory = Inventory::new(out, limits);
    let mut volumes: Vec<Box<dyn FileSystem<W>>> = Vec::new();
    let mut tries_left = unlock.limits.max_tries;
    for partition in &listing.partitions {
        let name = name_of(partition, &listing.partitions);
        if partition.extended {
            announce(&mut inventory, partition, &partition.kind, false)?;
            inventory.entry(&[name], EntryKind::Area(AreaKind::Extended), 0)?;
            continue;
        }
        let window = Window::new(Rc::clone(&bytes), partition.offset_bytes, partition.size_bytes);
        let found = open_volume(&window, unlock, &mut tries_left, &mut inventory)?;
        let (kind, size_bytes) = match found.opened {
            Opened::FileSystem { mut volume, others } => {
                let mut partition = partition.clone();
                partition.remarks.extend((!others.is_empty()).then_some(VolumeRemark::Ambiguous));
                let within = found.container.map_or_else(String::new, |container| format!(" in {container}"));
                announce(&mut inventory, &partition, &format!("{}{within}", volume.kind()), true)?;
                for other in others {
                    // Its entries are not met, so that there must be a line for them.
                    let unread = [&name[..], format!(" as {other}").as_bytes()].concat();
                    inventory.area(&unread, AreaKind::Unknown, partition.size_bytes)?;
                }
                let root = if several { vec![name] } else { Vec::new() };
                if several {
                    inventory.entry(&root, EntryKind::Directory, 0)?;
                }
                volume.inventory(&root, &mut inventory)?;
                volumes.push(volume);
                continue;
            }
            Opened::Encrypted(kind) => {
                announce(&mut inventory, partition, kind, false)?;
                (AreaKind::Encrypted(found.locked), partition.size_bytes)
            }
            Opened::Unknown => {
                announce(&mut inventory, partition, found.container.unwrap_or(&partition.kind), false)?;
                (AreaKind::Unknown, partition.size_bytes)
            }
        };
        inventory.area(&name, kind, size_bytes)?;
    }
    for gap in &listing.gaps {
        let name = format!("unpartitioned area at byte {}", gap.offset_bytes);
        inventory.area(name.as_bytes(), AreaKind::Unpartitioned, gap.size_bytes)?;
    }
    if listing.beside {
        inventory.area(b"(file system before the partitions)", AreaKind::Unknown, length)?;
    }
    if listing.broken {
        inventory.entry(&[b"(unreadable partition table)".to_vec()], EntryKind::Unreadable, 0)?;
    }
    inventory.end()?;
    volumes.iter().try_for_each(|volume| volume.send_files(&limits, out))
}

/// A volume, opened as far as the keys go.
struct Found<W> {
    opened: Opened<W>,
    /// The encrypted volume it lies in.
    container: Option<&'static str>,
    /// Why it stays closed, if it does.
    locked: Locked,
}

fn open_volume<W: Write>(
    window: &Window,
    unlock: &Unlock,
    tries_left: &mut u32,
    inventory: &mut Inventory<'_, W>,
) -> Result<Found<W>, ReadError> {
    let kind = match volume::open(window) {
        Opened::Encrypted(kind) => kind,
        opened => return Ok(Found { opened, container: None, locked: Locked::NoKey }),
    };
    let mut told = Ok(());
    let mut trying = || {
        if told.is_ok() {
            told = inventory.announce(&Answer::Trying);
        }
    };
    let plain = encrypted::unlock(kind, window, &mut Attempts::new(unlock, tries_left, &mut trying));
    told?;
    Ok(match plain {
        // One inside of another would cost its tries once more.
        Ok(plain) => Found { opened: volume::open(&plain), container: Some(kind), locked: Locked::Unsupported },
        Err(locked) => Found { opened: Opened::Encrypted(kind), container: None, locked },
    })
}

/// `partition N`; numbers that two tables give are told apart.
fn name_of(partition: &Partition, all: &[Partition]) -> Vec<u8> {
    let twin = |other: &&Partition| other.number == partition.number;
    let earlier = all.iter().take_while(|other| *other != partition).filter(twin).count();
    match (partition.number, earlier) {
        (0, _) => b"volume".to_vec(),
        (number, 0) => format!("partition {number}").into_bytes(),
        (number, _) if partition.scheme == "mbr" => format!("partition {number} of the boot record").into_bytes(),
        (number, earlier) => format!("partition {number} of table {}", earlier + 1).into_bytes(),
    }
}

fn announce<W: Write>(inventory: &mut Inventory<'_, W>, partition: &Partition, kind: &str, readable: bool) -> Result<(), ReadError> {
    inventory.announce(&Answer::Volume(VolumeInfo {
        scheme: Foreign::new(partition.scheme.to_owned()),
        number: partition.number,
        offset_bytes: partition.offset_bytes,
        size_bytes: partition.size_bytes,
        file_system: Foreign::new(kind.to_owned()),
        readable,
        remarks: partition.remarks.clone(),
    }))
}
