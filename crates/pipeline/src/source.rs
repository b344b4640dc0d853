//! A block device as a source. Who it is, and who opens it, is decided elsewhere; here is what the line needs of it.

use crate::reading::{Arrival, Met, Outlet, Reading};
use crate::workers::{Conversation, Trouble};
use model::device::DeviceRecord;
use model::report::Volume;
use model::{Untrusted, escape_text};
use std::fmt::Debug;
use std::os::fd::OwnedFd;
use tokio::sync::mpsc::Sender;
use wire::{AreaKind, EntryKind, Failure};

/// A block device that the device policy admitted.
pub trait DeviceSource: Debug + Send + Sync {
    /// What is recorded before the first read.
    fn record(&self) -> DeviceRecord;

    /// Sets it read-only and opens it. Called once, when the record is durable. Blocking.
    ///
    /// # Errors
    /// A sentence about what is wrong; nothing has been read then.
    fn attach(&self) -> Result<Attached, String>;

    /// Whether it has been removed.
    fn is_gone(&self) -> bool;
}

/// A device that cannot be written any more.
#[derive(Debug)]
pub enum Attached {
    /// The whole disk, for the confined reader.
    Disk(OwnedFd),
    /// What the kernel mounted, in the order of the disk.
    Volumes(Vec<AttachedVolume>),
}

/// A disk or partition as the kernel reads it.
#[derive(Debug)]
pub struct AttachedVolume {
    /// Number of the partition; 0 for a disk without partitions.
    pub number: u32,
    /// First byte.
    pub offset_bytes: u64,
    /// Length in bytes.
    pub size_bytes: u64,
    /// The root of its file system by the name of its driver; none when no driver takes it.
    pub root: Option<(String, OwnedFd)>,
}

impl Reading {
    /// Reads mounted volumes: the inventories of all of them, then the content of one after another.
    pub(crate) fn read_volumes(&self, volumes: Vec<AttachedVolume>, arrivals: &Sender<Arrival>, met: &mut Met) -> Result<(), Trouble> {
        let several = volumes.len() > 1;
        let mut outlet = Outlet::several(arrivals);
        let mut readers: Vec<(Conversation, u32, u32)> = Vec::new();
        for volume in volumes {
            let name = if volume.number == 0 { "volume".to_owned() } else { format!("partition {}", volume.number) };
            let readable = volume.root.is_some();
            let (file_system, root) = volume.root.map_or_else(|| ("unknown".into(), None), |(name, root)| (name, Some(root)));
            let announced = Volume {
                scheme: "kernel".into(),
                number: volume.number,
                offset_bytes: volume.offset_bytes,
                size_bytes: volume.size_bytes,
                file_system: escape_text(&file_system),
                remarks: Vec::new(),
            };
            outlet.send(Arrival::Volume(announced, readable))?;
            outlet.inside = None;
            let entry =
                |kind| Arrival::Entry { path: vec![Untrusted::new(name.clone().into_bytes())], kind, size_bytes: volume.size_bytes };
            let Some(root) = root else {
                outlet.entry(entry(EntryKind::Area(AreaKind::Unknown)))?;
                continue;
            };
            if several {
                outlet.entry(entry(EntryKind::Directory))?;
                outlet.inside = Some(name.clone().into_bytes());
            }
            let mut reader = self.ask_reader(root, true)?;
            let first = outlet.entries();
            let entries = self.inventory(&mut reader, &outlet, met)?;
            readers.push((reader, first, entries));
        }
        let max_items = self.policy.session.max_items;
        if outlet.entries() > max_items {
            return Err(Trouble::Failed(Failure::LimitEntries, max_items.into()));
        }
        outlet.end_inventory()?;
        met.inventoried = true;
        for (mut reader, first, entries) in readers {
            outlet.first = first;
            self.contents(&mut reader, &outlet, entries, met)?;
        }
        Ok(())
    }
}
