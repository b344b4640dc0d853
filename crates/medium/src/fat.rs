//! FAT12/16/32 with long names, over the `fatfs` crate.

use crate::cache::Window;
use crate::stream::{Inventory, ReadError, ReadLimits, send_content};
use fatfs::{Dir, FileSystem, FsOptions};
use std::io::{Read, Write};
use wire::{EntryKind, FrameWriter};

/// An opened FAT volume.
pub struct Volume(FileSystem<Window>);

/// A regular file met in the inventory.
#[derive(Debug)]
pub struct FileAt {
    index: u32,
    path: String,
}

impl Volume {
    /// Opens a volume; `None` when this is no FAT file system, or one too broken to walk.
    pub fn open(window: Window) -> Option<Self> {
        let options = FsOptions::new().update_accessed_date(false);
        FileSystem::new(window, options).ok().map(Self)
    }

    /// `fat12`, `fat16`, `fat32`.
    pub fn kind(&self) -> &'static str {
        match self.0.fat_type() {
            fatfs::FatType::Fat12 => "fat12",
            fatfs::FatType::Fat16 => "fat16",
            fatfs::FatType::Fat32 => "fat32",
        }
    }
}

impl std::fmt::Debug for Volume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Volume").field(&self.kind()).finish()
    }
}

/// Sends every entry of the volume below `root` and returns its regular files in the order they were sent.
///
/// # Errors
/// Limits, or the supervisor gone; a directory that cannot be read is an entry, not an error.
pub(crate) fn inventory<W: Write>(
    volume: &Volume,
    root: &[Vec<u8>],
    inventory: &mut Inventory<'_, W>,
) -> Result<Vec<FileAt>, ReadError> {
    let mut files = Vec::new();
    walk(&volume.0.root_dir(), "", root, inventory, &mut files)?;
    Ok(files)
}

// Recursion is bounded by `session.max_depth`, which the policy caps at 1,000.
fn walk<W: Write>(
    dir: &Dir<'_, Window>,
    inside: &str,
    shown: &[Vec<u8>],
    inventory: &mut Inventory<'_, W>,
    files: &mut Vec<FileAt>,
) -> Result<(), ReadError> {
    for entry in dir.iter() {
        let Ok(entry) = entry else {
            // Where a directory breaks off there may be more entries; the line says so.
            inventory.entry(&child(shown, "(unreadable directory entry)"), EntryKind::Unreadable, 0)?;
            return Ok(());
        };
        let name = entry.file_name();
        if name == "." || name == ".." {
            continue;
        }
        let path = child(shown, &name);
        let inner = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        if entry.is_dir() {
            if !inventory.may_descend(&path) {
                inventory.entry(&path, EntryKind::Unreadable, 0)?;
                continue;
            }
            inventory.entry(&path, EntryKind::Directory, 0)?;
            walk(&entry.to_dir(), &inner, &path, inventory, files)?;
        } else {
            let index = inventory.entry(&path, EntryKind::File, entry.len())?;
            files.push(FileAt { index, path: inner });
        }
    }
    Ok(())
}

fn child(path: &[Vec<u8>], name: &str) -> Vec<Vec<u8>> {
    path.iter().cloned().chain([name.as_bytes().to_vec()]).collect()
}

/// Sends the content of the files, in order.
///
/// # Errors
/// The supervisor gone.
pub(crate) fn send_files<W: Write>(
    volume: &Volume,
    files: &[FileAt],
    limits: &ReadLimits,
    out: &mut FrameWriter<W>,
) -> Result<(), ReadError> {
    for file in files {
        match volume.0.root_dir().open_file(&file.path) {
            Ok(mut content) => send_content(out, file.index, Some(&mut content as &mut dyn Read), limits)?,
            Err(_) => send_content(out, file.index, None, limits)?,
        }
    }
    Ok(())
}
