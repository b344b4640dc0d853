//! A medium as bytes (a disk or a raw image of one): partitions, then the file systems in them.

use crate::cache::{ByteSource, Window};
use crate::partitions::{self, Partition};
use crate::stream::{Inventory, ReadError, ReadLimits};
use crate::volume::{self, FileSystem, Opened};
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write};
use std::rc::Rc;
use wire::{Answer, AreaKind, EntryKind, Foreign, FrameWriter, VolumeInfo};

/// Walks an image and sends everything in it.
///
/// Paths begin with `partition N` when the image has more than one volume, so that equal paths stay two. Volumes nobody
/// can read and areas outside of every partition are entries: what is in them stays in them.
///
/// # Errors
/// [`ReadError`]: nothing readable at all, a limit, or the supervisor gone.
pub fn read_image<W: Write>(mut file: File, limits: ReadLimits, out: &mut FrameWriter<W>) -> Result<(), ReadError> {
    // Not from the metadata: those of a block device say 0.
    let length = file.seek(SeekFrom::End(0)).map_err(|_| ReadError::Source { offset: 0 })?;
    let bytes: Rc<dyn ByteSource> = Rc::new(file);
    let listing = partitions::list(&bytes, length).map_err(|_| ReadError::Source { offset: 0 })?;
    let several = listing.partitions.iter().filter(|partition| !partition.extended).count() > 1;
    let mut inventory = Inventory::new(out, limits);
    let mut volumes: Vec<Box<dyn FileSystem<W>>> = Vec::new();
    for partition in &listing.partitions {
        let name = name_of(partition, &listing.partitions);
        if partition.extended {
            announce(&mut inventory, partition, &partition.kind, false)?;
            inventory.entry(&[name], EntryKind::Area(AreaKind::Extended), 0)?;
            continue;
        }
        let window = Window::new(Rc::clone(&bytes), partition.offset_bytes, partition.size_bytes);
        let (kind, size_bytes) = match volume::open(&window) {
            Opened::FileSystem(mut volume) => {
                announce(&mut inventory, partition, volume.kind(), true)?;
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
                (AreaKind::Encrypted, partition.size_bytes)
            }
            Opened::Unknown => {
                announce(&mut inventory, partition, &partition.kind, false)?;
                (AreaKind::Unknown, partition.size_bytes)
            }
        };
        inventory.area(&name, kind, size_bytes)?;
    }
    for gap in &listing.gaps {
        let name = format!("unpartitioned area at byte {}", gap.offset_bytes);
        inventory.area(name.as_bytes(), AreaKind::Unpartitioned, gap.size_bytes)?;
    }
    if listing.broken {
        inventory.entry(&[b"(unreadable partition table)".to_vec()], EntryKind::Unreadable, 0)?;
    }
    inventory.end()?;
    volumes.iter().try_for_each(|volume| volume.send_files(&limits, out))
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
