//! What a reader sends, hashed as it comes: for contents that are larger than memory should be.

use crate::trees::{Hash, Tree};
use medium::ReadLimits;
use std::convert::Infallible;
use std::fs::File;
use std::os::unix::net::UnixStream;
use wire::{Answer, EntryKind, Failure, Frame, FrameReader, FrameWriter};

/// Content of an entry: digest, length, and why it is not complete.
pub type Hashed = (String, u64, Option<Failure>);

/// Everything a reader sent, in order; contents as digests.
pub struct Told {
    pub file_system: String,
    pub entries: Vec<(String, EntryKind, u64, Option<Hashed>)>,
}

impl Told {
    /// Files and directories; everything must have arrived whole.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        for (path, kind, size, content) in &self.entries {
            match (kind, content) {
                (EntryKind::Directory, None) => assert!(tree.directories.insert(path.clone()), "{path} twice"),
                (EntryKind::File, Some((digest, length, None))) => {
                    assert_eq!(size, length, "{path}");
                    assert!(tree.files.insert(path.clone(), digest.clone()).is_none(), "{path} twice");
                }
                other => panic!("{path}: {other:?}"),
            }
        }
        tree
    }
}

/// Reads an image, one thread sending and one hashing.
pub fn read(image: File, limits: ReadLimits) -> Told {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let sending = std::thread::spawn(move || medium::image::read_image(image, limits, &mut FrameWriter::new(theirs)));
    let mut reader = FrameReader::new(ours);
    let mut told = Told { file_system: String::new(), entries: Vec::new() };
    let mut open: Option<(usize, Hash, u64)> = None;
    while let Some(frame) = reader.read_frame::<Answer>().unwrap() {
        match frame {
            Frame::Control(Answer::Volume(volume)) => told.file_system = plain(volume.file_system),
            Frame::Control(Answer::Entry { path, kind, size_bytes }) => {
                let parts: Vec<String> = path.into_iter().map(|part| model::escape_bytes(&plain(part))).collect();
                told.entries.push((parts.join("/"), kind, size_bytes, None));
            }
            Frame::Control(Answer::Content { index }) => {
                let size = told.entries[index as usize].2;
                open = Some((index as usize, Hash::new(size), 0));
            }
            Frame::Bytes(bytes) => {
                let (_, hash, length) = open.as_mut().unwrap();
                hash.update(&bytes);
                *length += bytes.len() as u64;
            }
            Frame::Control(Answer::EntryEnd { failure, .. }) => {
                let (index, hash, length) = open.take().unwrap();
                told.entries[index].3 = Some((hash.finish(), length, failure));
            }
            Frame::Control(Answer::InventoryEnd { .. }) => {}
            Frame::Control(other) => panic!("{other:?}"),
        }
    }
    sending.join().unwrap().unwrap();
    told
}

fn plain<T: Clone>(value: wire::Foreign<T>) -> T {
    let Ok(value) = value.into_untrusted().check(|value| Ok::<_, Infallible>(value.clone()));
    value
}
