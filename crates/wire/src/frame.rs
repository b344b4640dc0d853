//! Frames: `version u8 | kind u8 | job u32 | length u32 | payload`, numbers little-endian.
//!
//! Both sides count the jobs of a worker. A frame that belongs to another job than the one being heard is refused, so that
//! what a worker says about one item can never be taken for what it says about the next.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{Read, Write};

/// Version of the protocol; both programs come from one build, so there is exactly one.
pub const VERSION: u8 = 2;
/// Longest payload of a frame.
// BOUND: one MiB keeps a lying worker from making the supervisor allocate; a page of pixels takes a handful of frames.
pub const MAX_FRAME_BYTES: usize = 1 << 20;

const KIND_CONTROL: u8 = 1;
const KIND_BYTES: u8 = 2;

/// What is wrong with what came over the pipe.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The pipe broke.
    #[error("reading a frame failed: {0}")]
    Read(#[source] std::io::Error),
    /// The pipe broke while writing.
    #[error("writing a frame failed: {0}")]
    Write(#[source] std::io::Error),
    /// The other side ended in the middle of a frame, or before its last one.
    #[error("the other side ended too early")]
    Ended,
    /// Another protocol version.
    #[error("frame version {0} is not {VERSION}")]
    Version(u8),
    /// A frame kind that does not exist.
    #[error("frame kind {0} does not exist")]
    Kind(u8),
    /// A frame of another job.
    #[error("a frame of job {0}, not of job {1}")]
    Job(u32, u32),
    /// A length over the cap.
    #[error("frame of {0} bytes is longer than {MAX_FRAME_BYTES}")]
    Length(u64),
    /// The payload is no message.
    #[error("the message cannot be decoded")]
    Decode,
    /// A message that cannot be encoded.
    #[error("the message cannot be encoded")]
    Encode,
    /// A frame of the wrong kind for this moment.
    #[error("a frame that does not belong here")]
    Unexpected,
    /// A request without its descriptor, or with one too many.
    #[error("the request carries {0} descriptors")]
    Descriptors(usize),
}

/// One frame as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<T> {
    /// A control message.
    Control(T),
    /// Raw bytes, never empty.
    Bytes(Vec<u8>),
}

/// Writes frames.
#[derive(Debug)]
pub struct FrameWriter<W: Write> {
    writer: W,
    job: u32,
}

impl<W: Write> FrameWriter<W> {
    /// Over any writer; frames are written in one call each.
    pub const fn new(writer: W) -> Self {
        Self { writer, job: 1 }
    }

    /// A frame writer of the same job over the same writer, for a sink that wants to own one.
    pub const fn by_ref(&mut self) -> FrameWriter<&mut W> {
        FrameWriter { job: self.job, writer: &mut self.writer }
    }

    /// The next request is being answered from here on.
    pub const fn next_job(&mut self) {
        self.job = self.job.wrapping_add(1);
    }

    /// Sends a control message.
    ///
    /// # Errors
    /// When it is too long or the pipe breaks.
    pub fn control<T: Serialize>(&mut self, message: &T) -> Result<(), WireError> {
        let payload = postcard::to_stdvec(message).map_err(|_| WireError::Encode)?;
        self.frame(KIND_CONTROL, &payload)
    }

    /// Sends bytes of any length as raw frames; nothing for no bytes.
    ///
    /// # Errors
    /// When the pipe breaks.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        bytes.chunks(MAX_FRAME_BYTES).try_for_each(|chunk| self.frame(KIND_BYTES, chunk))
    }

    fn frame(&mut self, kind: u8, payload: &[u8]) -> Result<(), WireError> {
        let length = u32::try_from(payload.len()).ok().filter(|l| *l as usize <= MAX_FRAME_BYTES);
        let length = length.ok_or(WireError::Length(payload.len() as u64))?.to_le_bytes();
        let ([a, b, c, d], [j, k, l, m]) = (length, self.job.to_le_bytes());
        let head = [VERSION, kind, j, k, l, m, a, b, c, d];
        if payload.len() < 4096 {
            let mut whole = Vec::with_capacity(head.len() + payload.len());
            whole.extend_from_slice(&head);
            whole.extend_from_slice(payload);
            return self.writer.write_all(&whole).map_err(WireError::Write);
        }
        self.writer.write_all(&head).map_err(WireError::Write)?;
        self.writer.write_all(payload).map_err(WireError::Write)
    }
}

/// Reads frames.
#[derive(Debug)]
pub struct FrameReader<R: Read> {
    reader: R,
    job: u32,
}

impl<R: Read> FrameReader<R> {
    /// The reader underneath; nothing it gave is kept here between frames.
    pub const fn get_ref(&self) -> &R {
        &self.reader
    }

    /// The reader underneath.
    pub const fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Over any reader.
    pub const fn new(reader: R) -> Self {
        Self { reader, job: 1 }
    }

    /// The answer to the next request is being read from here on.
    pub const fn next_job(&mut self) {
        self.job = self.job.wrapping_add(1);
    }

    /// The next frame; `None` when the other side ended between two frames.
    ///
    /// # Errors
    /// Everything a lying or dying worker can do.
    pub fn read_frame<T: DeserializeOwned>(&mut self) -> Result<Option<Frame<T>>, WireError> {
        let mut head = [0u8; 10];
        if !self.fill(&mut head)? {
            return Ok(None);
        }
        let [version, kind, j, k, l, m, a, b, c, d] = head;
        if version != VERSION {
            return Err(WireError::Version(version));
        }
        let job = u32::from_le_bytes([j, k, l, m]);
        if job != self.job {
            return Err(WireError::Job(job, self.job));
        }
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > MAX_FRAME_BYTES {
            return Err(WireError::Length(length as u64));
        }
        let mut payload = vec![0u8; length];
        if length > 0 && !self.fill(&mut payload)? {
            return Err(WireError::Ended);
        }
        match kind {
            KIND_BYTES if length > 0 => Ok(Some(Frame::Bytes(payload))),
            KIND_CONTROL => match postcard::take_from_bytes::<T>(&payload) {
                Ok((message, [])) => Ok(Some(Frame::Control(message))),
                _ => Err(WireError::Decode),
            },
            KIND_BYTES => Err(WireError::Decode),
            other => Err(WireError::Kind(other)),
        }
    }

    /// Fills the buffer; `false` when the other side had ended before its first byte.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, WireError> {
        let mut filled = 0;
        while filled < buffer.len() {
            let Some(rest) = buffer.get_mut(filled..) else { return Err(WireError::Ended) };
            match self.reader.read(rest) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(WireError::Ended),
                Ok(n) => filled += n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(WireError::Read(error)),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(bytes: &[u8]) -> Vec<Result<Frame<String>, WireError>> {
        let mut reader = FrameReader::new(bytes);
        let mut out = Vec::new();
        loop {
            match reader.read_frame::<String>() {
                Ok(None) => return out,
                Ok(Some(frame)) => out.push(Ok(frame)),
                Err(error) => {
                    out.push(Err(error));
                    return out;
                }
            }
        }
    }

    const VERSION_1: [u8; 10] = [1, 1, 1, 0, 0, 0, 0, 0, 0, 0];

    fn frame(kind: u8, job: u32, length: u32, payload: &[u8]) -> Vec<u8> {
        [&[VERSION, kind], &job.to_le_bytes()[..], &length.to_le_bytes()[..], payload].concat()
    }

    #[test]
    fn lies_are_named() {
        assert!(matches!(read_all(&VERSION_1)[..], [Err(WireError::Version(1))]));
        assert!(matches!(read_all(&frame(7, 1, 0, b""))[..], [Err(WireError::Kind(7))]));
        assert!(matches!(read_all(&frame(2, 1, u32::MAX, b""))[..], [Err(WireError::Length(_))]));
        assert!(matches!(read_all(&frame(2, 1, 4, b"x"))[..], [Err(WireError::Ended)]));
        assert!(matches!(read_all(&frame(2, 1, 0, b""))[..], [Err(WireError::Decode)]));
        assert!(matches!(read_all(&[VERSION])[..], [Err(WireError::Ended)]));
        // A message with bytes behind it, inside its own frame.
        assert!(matches!(read_all(&frame(1, 1, 3, b"\x01a\0"))[..], [Err(WireError::Decode)]));
    }

    #[test]
    fn what_belongs_to_another_job_is_refused() {
        assert!(matches!(read_all(&frame(1, 2, 2, b"\x01a"))[..], [Err(WireError::Job(2, 1))]));
        let mut out = Vec::new();
        let mut writer = FrameWriter::new(&mut out);
        writer.control(&"late".to_owned()).unwrap();
        writer.next_job();
        writer.by_ref().control(&"next".to_owned()).unwrap();
        let mut reader = FrameReader::new(&out[..]);
        reader.next_job();
        assert!(matches!(reader.read_frame::<String>(), Err(WireError::Job(1, 2))));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in ".{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            let mut out = Vec::new();
            let mut writer = FrameWriter::new(&mut out);
            writer.control(&text).unwrap();
            writer.bytes(&bytes).unwrap();
            let frames = read_all(&out);
            prop_assert!(matches!(&frames[0], Ok(Frame::Control(t)) if *t == text));
            prop_assert_eq!(frames.len(), 1 + usize::from(!bytes.is_empty()));
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_all(&bytes);
        }
    }
}
