//! Media: whatever an image claims, the inventory keeps its limits and every file of it is answered for.

use crate::assembly::checked_gpt;
use medium::{ByteSource, ReadLimits};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use wire::{Answer, Frame, FrameReader, FrameWriter};

const LIMITS: ReadLimits = ReadLimits { max_entries: 150, max_depth: 8, max_file_bytes: 64 << 10 };
/// First bytes of the sparse form of an image.
pub(crate) const SPARSE: &[u8; 4] = b"SPRS";
const SECTOR: usize = 512;

/// An image in the sparse form (`SPRS`, number of sectors, then runs: first sector, number of sectors, their bytes; all
/// numbers 32-bit little-endian), which makes a volume of many MiB a small input; other bytes are an image as they are.
fn image(bytes: &[u8]) -> (File, u64) {
    let file = File::from(memfd_create("image", MemfdFlags::CLOEXEC).expect("memory for an image"));
    let Some(mut rest) = bytes.strip_prefix(SPARSE) else {
        file.write_all_at(bytes, 0).expect("memory");
        return (file, bytes.len() as u64);
    };
    let number = |rest: &mut &[u8]| rest.split_off(..4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    // BOUND: 64 MiB hold the smallest FAT32.
    let sectors = u64::from(number(&mut rest).unwrap_or(0)) % (1 << 17);
    let length = sectors * SECTOR as u64;
    ftruncate(&file, length).expect("memory");
    while let (Some(first), Some(count)) = (number(&mut rest), number(&mut rest)) {
        let there = (count as usize).saturating_mul(SECTOR).min(rest.len());
        let at = (u64::from(first) * SECTOR as u64).min(length);
        let run = rest.split_off(..there).unwrap_or_default();
        let fits = run.len().min((length - at) as usize);
        file.write_all_at(run.get(..fits).unwrap_or_default(), at).expect("memory");
    }
    (file, length)
}

/// The sparse form of an image.
pub(crate) fn sparse(image: &[u8]) -> Vec<u8> {
    let sectors: Vec<&[u8]> = image.chunks(SECTOR).collect();
    let mut out = [&SPARSE[..], &(sectors.len() as u32).to_le_bytes()].concat();
    let empty = |index: usize| sectors.get(index).is_none_or(|sector| sector.iter().all(|byte| *byte == 0));
    let mut index = 0;
    while index < sectors.len() {
        let run = (index..sectors.len()).take_while(|at| !empty(*at)).count();
        if run == 0 {
            index += 1;
            continue;
        }
        out.extend_from_slice(&(index as u32).to_le_bytes());
        out.extend_from_slice(&(run as u32).to_le_bytes());
        out.extend(sectors.iter().skip(index).take(run).flat_map(|sector| sector.iter().copied()));
        index += run;
    }
    out
}

pub(crate) fn partitions(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), checked_gpt(bytes)] {
        let (file, length) = image(&bytes);
        let bytes: Rc<dyn ByteSource> = Rc::new(file);
        let listing = medium::partitions::list(&bytes, length).expect("memory can be read");
        assert!(!listing.partitions.is_empty(), "a medium without a line");
        let volumes = listing.partitions.iter().map(|partition| (partition.offset_bytes, partition.size_bytes));
        for (offset, size) in volumes.chain(listing.gaps.iter().map(|gap| (gap.offset_bytes, gap.size_bytes))) {
            let end = offset.checked_add(size);
            assert!(size == 0 || end.is_some_and(|end| end <= length), "{size} bytes at {offset} of {length}");
        }
    }
}

pub(crate) fn fat(bytes: &[u8]) {
    read(image(bytes).0);
}

pub(crate) fn ntfs(bytes: &[u8]) {
    read(image(bytes).0);
}

/// As it is, and with the checksums made right that a mutation breaks.
pub(crate) fn exfat(bytes: &[u8]) {
    let (file, length) = image(bytes);
    let mut bytes = vec![0; length as usize];
    FileExt::read_exact_at(&file, &mut bytes, 0).expect("memory can be read");
    read(file);
    testkit::exfat::straighten(&mut bytes);
    read(image(&bytes).0);
}

/// Reads an image as the product does.
fn read(file: File) {
    let mut frames = Vec::new();
    let done = medium::image::read_image(file, LIMITS, &mut FrameWriter::new(&mut frames));
    let told = told(&frames);
    if done.is_ok() {
        assert!(told.ended, "an inventory without its end");
        assert_eq!(told.contents, told.files, "files without an answer");
    }
}

#[derive(Default)]
struct Told {
    ended: bool,
    /// Positions of the regular files.
    files: Vec<u32>,
    contents: Vec<u32>,
}

/// Reads what the supervisor would, and holds it against the limits.
fn told(frames: &[u8]) -> Told {
    let mut reader = FrameReader::new(frames);
    let mut told = Told::default();
    let (mut entries, mut open) = (0u32, None);
    while let Some(frame) = reader.read_frame::<Answer>().expect("our own frames") {
        match frame {
            Frame::Control(Answer::Entry { path, kind, .. }) => {
                assert!(!told.ended && !path.is_empty());
                // A directory that is too deep is a line itself, and so is a broken one inside the deepest.
                assert!(path.len() <= LIMITS.max_depth as usize + 2, "{} levels", path.len());
                if kind.has_content() {
                    told.files.push(entries);
                }
                entries += 1;
                assert!(entries <= LIMITS.max_entries);
            }
            Frame::Control(Answer::InventoryEnd { entries: count, .. }) => {
                assert_eq!(count, entries);
                told.ended = true;
            }
            Frame::Control(Answer::Content { index }) => {
                assert!(told.ended && open.is_none());
                open = Some(0);
                told.contents.push(index);
            }
            Frame::Control(Answer::EntryEnd { .. }) => assert!(open.take().is_some()),
            Frame::Control(_) => {}
            Frame::Bytes(bytes) => {
                let open: &mut u64 = open.as_mut().expect("bytes outside of a file");
                *open += bytes.len() as u64;
                assert!(*open <= LIMITS.max_file_bytes);
            }
        }
    }
    told
}
