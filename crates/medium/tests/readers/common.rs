//! What a reader sent, taken apart; every test thereby also checks the order of the answers.

use medium::{ReadError, ReadLimits};
use model::Format;
use model::report::VolumeRemark;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use testkit::{Expected, Sample};
use wire::{Answer, AreaKind, EntryKind, Failure, Foreign, Frame, FrameReader, FrameWriter};

pub const LIMITS: ReadLimits = ReadLimits { max_entries: 10_000, max_depth: 100, max_file_bytes: 64 << 20 };

/// An entry as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub path: String,
    pub kind: EntryKind,
    pub size_bytes: u64,
}

/// The content of an entry as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub bytes: Vec<u8>,
    pub end: (Option<Failure>, u64),
}

/// Everything a reader sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Scheme, number, file system, readable.
    pub volumes: Vec<(String, u32, String, bool)>,
    /// Remarks, volume by volume.
    pub remarks: Vec<Vec<VolumeRemark>>,
    pub entries: Vec<Entry>,
    pub contents: BTreeMap<u32, Content>,
}

impl Sent {
    /// Takes the frames apart and checks their order: inventory, then exactly the regular files, in inventory order.
    pub fn of(frames: &[u8]) -> Self {
        let mut reader = FrameReader::new(frames);
        let mut sent = Self::default();
        let mut answers = std::iter::from_fn(move || reader.read_frame::<Answer>().unwrap());
        loop {
            match answers.next() {
                Some(Frame::Control(Answer::Trying)) => {}
                Some(Frame::Control(Answer::Volume(v))) => {
                    sent.remarks.push(v.remarks);
                    sent.volumes.push((plain(v.scheme), v.number, plain(v.file_system), v.readable));
                }
                Some(Frame::Control(Answer::Entry { path, kind, size_bytes })) => {
                    let path = path.into_iter().map(|part| model::escape_bytes(&plain(part))).collect::<Vec<_>>().join("/");
                    sent.entries.push(Entry { path, kind, size_bytes });
                }
                Some(Frame::Control(Answer::InventoryEnd { entries, bytes })) => {
                    assert_eq!(entries as usize, sent.entries.len());
                    let in_files = |entry: &&Entry| !matches!(entry.kind, EntryKind::Area(_));
                    assert_eq!(bytes, sent.entries.iter().filter(in_files).fold(0, |sum: u64, e| sum.saturating_add(e.size_bytes)));
                    break;
                }
                None => return sent,
                other => panic!("{other:?}"),
            }
        }
        let files = (0..).zip(&sent.entries).filter(|(_, entry)| entry.kind.has_content());
        for (wanted, _) in files {
            let Some(Frame::Control(Answer::Content { index })) = answers.next() else { panic!("content of {wanted}") };
            assert_eq!(index, wanted);
            let mut bytes = Vec::new();
            let end = loop {
                match answers.next() {
                    Some(Frame::Bytes(more)) => bytes.extend(more),
                    Some(Frame::Control(Answer::EntryEnd { failure, offset })) => break (failure, offset),
                    other => panic!("{other:?}"),
                }
            };
            sent.contents.insert(index, Content { bytes, end });
        }
        assert!(answers.next().is_none());
        sent
    }

    pub fn index(&self, path: &str) -> u32 {
        let mut found = (0..).zip(&self.entries).filter(|(_, entry)| entry.path == path).map(|(index, _)| index);
        let index = found.next().unwrap_or_else(|| panic!("{path} is not in {:?}", self.entries));
        assert!(found.next().is_none(), "{path} twice");
        index
    }

    pub fn kind(&self, path: &str) -> EntryKind {
        self.entries[self.index(path) as usize].kind
    }

    pub fn content(&self, path: &str) -> &Content {
        &self.contents[&self.index(path)]
    }

    pub fn paths(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.path.as_str()).collect()
    }

    /// Paths of everything but what lies between partitions.
    pub fn inside(&self) -> Vec<&str> {
        let gap = EntryKind::Area(AreaKind::Unpartitioned);
        self.entries.iter().filter(|entry| entry.kind != gap).map(|entry| entry.path.as_str()).collect()
    }

    /// SHA-256 of every complete file by path.
    pub fn digests(&self) -> BTreeMap<String, String> {
        let whole = self.contents.iter().map(|(index, content)| {
            assert_eq!(content.end, (None, content.bytes.len() as u64));
            (self.entries[*index as usize].path.clone(), sha256(&content.bytes))
        });
        whole.collect()
    }

    /// Paths of what is neither a file nor a directory.
    pub fn others(&self) -> Vec<(&str, EntryKind)> {
        let structural = |kind| matches!(kind, EntryKind::File | EntryKind::Directory);
        self.entries.iter().filter(|e| !structural(e.kind)).map(|e| (e.path.as_str(), e.kind)).collect()
    }
}

fn plain<T: Clone>(value: Foreign<T>) -> T {
    let Ok(value) = value.into_untrusted().check(|value| Ok::<_, Infallible>(value.clone()));
    value
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn sample(path: &str, bytes: impl Into<Vec<u8>>) -> Sample {
    Sample::new(path, "", bytes, Expected::rebuilt(Format::Txt))
}

/// `length` bytes that are different everywhere.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i.wrapping_mul(0x9E37_79B1) >> 13) as u8).collect()
}

/// A sparse file of these bytes.
pub fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    for (index, block) in bytes.chunks(4096).enumerate().filter(|(_, block)| block.iter().any(|b| *b != 0)) {
        file.seek(SeekFrom::Start(index as u64 * 4096)).unwrap();
        file.write_all(block).unwrap();
    }
    file
}

/// Reads an image; what was sent before an error comes with it.
pub fn try_image(file: File, limits: ReadLimits) -> (Sent, Result<(), ReadError>) {
    let mut frames = Vec::new();
    let done = medium::image::read_image(file, limits, &mut FrameWriter::new(&mut frames));
    (Sent::of(&frames), done)
}

pub fn read_image(bytes: &[u8]) -> Sent {
    let (sent, done) = try_image(file_of(bytes), LIMITS);
    done.unwrap();
    sent
}
