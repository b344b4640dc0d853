//! Sinks of the worker-side crates as frames on the answer pipe.

use inspect::MemberSink;
use std::io::Write;
use wire::{Answer, EntryKind, Failure, Foreign, FrameWriter, WireError};

/// Members of an archive.
pub struct Members<'a, W: Write>(pub &'a mut FrameWriter<W>);

impl<W: Write> MemberSink for Members<'_, W> {
    fn entry(&mut self, path: Vec<Vec<u8>>, kind: EntryKind, size_bytes: u64) -> Result<(), WireError> {
        let path = path.into_iter().map(Foreign::new).collect();
        self.0.control(&Answer::Entry { path, kind, size_bytes })
    }
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.0.bytes(bytes)
    }
    fn end(&mut self, failure: Option<Failure>) -> Result<(), WireError> {
        self.0.control(&Answer::EntryEnd { failure, offset: 0 })
    }
}

/// Says why the job cannot be done.
pub fn failed<W: Write>(out: &mut FrameWriter<W>, failure: Failure, number: u64) -> Result<(), WireError> {
    out.control(&Answer::Failed { failure, number })
}
