//! A raw image: partitions, then the file systems in them.

use crate::cache::Window;
use crate::fat;
use crate::partitions::{self, Partition};
use crate::stream::{Inventory, ReadError, ReadLimits};
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write};
use std::rc::Rc;
use wire::{Answer, EntryKind, Foreign, FrameWriter, VolumeInfo};

/// Walks an image and sends everything in it.
///
/// Paths begin with `partition N` when the image has more than one volume, so that equal paths stay two.
///
/// # Errors
/// [`ReadError`]: nothing readable at all, a limit, or the supervisor gone.
pub fn read_image<W: Write>(mut file: File, limits: ReadLimits, out: &mut FrameWriter<W>) -> Result<(), ReadError> {
    // Not from the metadata: those of a block device say 0.
    let length = file.seek(SeekFrom::End(0)).map_err(|_| ReadError::Source { offset: 0 })?;
    let file = Rc::new(file);
    let partitions = partitions::list(&file, length).map_err(|_| ReadError::Source { offset: 0 })?;
    let several = partitions.len() > 1;
    let mut inventory = Inventory::new(out, limits);
    let mut volumes = Vec::new();
    for partition in &partitions {
        let window = Window::new(Rc::clone(&file), partition.offset_bytes, partition.size_bytes);
        let volume = if partition.extended { None } else { fat::Volume::open(window) };
        let root = if several { vec![name_of(partition, &partitions)] } else { Vec::new() };
        announce(&mut inventory, partition, volume.as_ref())?;
        match volume {
            Some(volume) => {
                if several {
                    inventory.entry(&root, EntryKind::Directory, 0)?;
                }
                let files = fat::inventory(&volume, &root, &mut inventory)?;
                volumes.push((volume, files));
            }
            // A volume nobody can read is a line of the report: what is in it stays in it.
            None => {
                let name = if several { root } else { vec![b"volume".to_vec()] };
                inventory.entry(&name, EntryKind::Unreadable, 0)?;
            }
        }
    }
    if volumes.is_empty() {
        return Err(ReadError::NoFileSystem);
    }
    inventory.end()?;
    volumes.iter().try_for_each(|(volume, files)| fat::send_files(volume, files, &limits, out))
}

/// `partition N`; what only the boot record of a hybrid table knows has numbers of its own.
fn name_of(partition: &Partition, all: &[Partition]) -> Vec<u8> {
    let hybrid = all.iter().any(|other| other.scheme != partition.scheme && other.number == partition.number);
    let table = if hybrid && partition.scheme == "mbr" { " of the boot record" } else { "" };
    format!("partition {}{table}", partition.number).into_bytes()
}

fn announce<W: Write>(inventory: &mut Inventory<'_, W>, partition: &Partition, volume: Option<&fat::Volume>) -> Result<(), ReadError> {
    let file_system = volume.map_or_else(|| partition.kind.clone(), |v| v.kind().to_owned());
    inventory.announce(&Answer::Volume(VolumeInfo {
        scheme: Foreign::new(partition.scheme.to_owned()),
        number: partition.number,
        offset_bytes: partition.offset_bytes,
        size_bytes: partition.size_bytes,
        file_system: Foreign::new(file_system),
        readable: volume.is_some(),
    }))
}
