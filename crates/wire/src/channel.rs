//! Requests over the job channel: one frame, and at most one descriptor beside its first byte.

use crate::frame::{MAX_FRAME_BYTES, VERSION, WireError};
use crate::message::Request;
use crate::mount::{MAX_MOUNT_BYTES, MountAnswer, MountRequest};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg,
    sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use zeroize::Zeroizing;

/// `version u8 | length u32`.
const HEAD_BYTES: usize = 5;

/// Sends a request, with the descriptor it works on.
///
/// # Errors
/// When the worker is gone or the request cannot be encoded.
pub fn send_request(channel: impl AsFd, request: &Request, descriptor: Option<BorrowedFd<'_>>) -> Result<(), WireError> {
    send(channel, request, descriptor, MAX_FRAME_BYTES)
}

/// Waits for the next request; `None` when the supervisor closed the channel.
///
/// # Errors
/// When the frame or its descriptors are not as they must be.
pub fn receive_request(channel: impl AsFd) -> Result<Option<(Request, Option<OwnedFd>)>, WireError> {
    receive(channel, MAX_FRAME_BYTES)
}

/// Asks `schleuse-mountd`.
///
/// # Errors
/// When it is gone or the request cannot be encoded.
pub fn send_mount_request(channel: impl AsFd, request: &MountRequest) -> Result<(), WireError> {
    send(channel, request, None, MAX_MOUNT_BYTES)
}

/// Waits for the next request to `schleuse-mountd`; `None` when the supervisor closed the channel.
///
/// # Errors
/// When the frame is not as it must be, or carries a descriptor.
pub fn receive_mount_request(channel: impl AsFd) -> Result<Option<MountRequest>, WireError> {
    match receive(channel, MAX_MOUNT_BYTES)? {
        Some((request, None)) => Ok(Some(request)),
        Some((_, Some(_))) => Err(WireError::Descriptors(1)),
        None => Ok(None),
    }
}

/// Answers a request to `schleuse-mountd`.
///
/// # Errors
/// When the supervisor is gone or the answer cannot be encoded.
pub fn send_mount_answer(channel: impl AsFd, answer: &MountAnswer, descriptor: Option<BorrowedFd<'_>>) -> Result<(), WireError> {
    send(channel, answer, descriptor, MAX_MOUNT_BYTES)
}

/// Waits for the answer of `schleuse-mountd`, with the descriptor that belongs to it.
///
/// # Errors
/// When it ended, or the frame or its descriptors are not as they must be.
pub fn receive_mount_answer(channel: impl AsFd) -> Result<(MountAnswer, Option<OwnedFd>), WireError> {
    receive(channel, MAX_MOUNT_BYTES)?.ok_or(WireError::Ended)
}

fn send(channel: impl AsFd, message: &impl Serialize, descriptor: Option<BorrowedFd<'_>>, max_bytes: usize) -> Result<(), WireError> {
    let length = postcard::experimental::serialized_size(message).map_err(|_| WireError::Encode)?;
    if length > max_bytes {
        return Err(WireError::Length(length as u64));
    }
    // Made in its full length at once: a buffer that grows leaves copies of a secret behind.
    let mut frame = Zeroizing::new(vec![0u8; HEAD_BYTES + length]);
    let (head, payload) = frame.split_at_mut(HEAD_BYTES);
    let [a, b, c, d] = (length as u32).to_le_bytes();
    head.copy_from_slice(&[VERSION, a, b, c, d]);
    postcard::to_slice(message, payload).map_err(|_| WireError::Encode)?;
    let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(WireError::Encode);
    }
    let mut sent =
        sendmsg(&channel, &[IoSlice::new(&frame)], &mut ancillary, SendFlags::NOSIGNAL).map_err(|e| WireError::Write(e.into()))?;
    while let Some(rest) = frame.get(sent..).filter(|rest| !rest.is_empty()) {
        let mut none = SendAncillaryBuffer::default();
        sent += sendmsg(&channel, &[IoSlice::new(rest)], &mut none, SendFlags::NOSIGNAL).map_err(|e| WireError::Write(e.into()))?;
    }
    Ok(())
}

fn receive<T: DeserializeOwned>(channel: impl AsFd, max_bytes: usize) -> Result<Option<(T, Option<OwnedFd>)>, WireError> {
    let mut head = [0u8; HEAD_BYTES];
    let mut descriptors = Vec::new();
    if !fill(&channel, &mut head, &mut descriptors)? {
        return Ok(None);
    }
    let [version, a, b, c, d] = head;
    if version != VERSION {
        return Err(WireError::Version(version));
    }
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > max_bytes {
        return Err(WireError::Length(length as u64));
    }
    let mut payload = Zeroizing::new(vec![0u8; length]);
    if length > 0 && !fill(&channel, &mut payload, &mut descriptors)? {
        return Err(WireError::Ended);
    }
    if descriptors.len() > 1 {
        return Err(WireError::Descriptors(descriptors.len()));
    }
    match postcard::take_from_bytes::<T>(&payload) {
        Ok((message, [])) => Ok(Some((message, descriptors.pop()))),
        _ => Err(WireError::Decode),
    }
}

fn fill(channel: &impl AsFd, buffer: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> Result<bool, WireError> {
    let mut filled = 0;
    while filled < buffer.len() {
        let Some(rest) = buffer.get_mut(filled..) else { return Err(WireError::Ended) };
        // BOUND: room for two descriptors, so that a second one is seen and refused instead of silently cut off.
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = match recvmsg(channel, &mut [IoSliceMut::new(rest)], &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other.map_err(|e| WireError::Read(e.into()))?,
        };
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                descriptors.extend(fds);
            }
        }
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(WireError::Descriptors(descriptors.len() + 1));
        }
        match received.bytes {
            0 if filled == 0 => return Ok(false),
            0 => return Err(WireError::Ended),
            n => filled += n,
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::VerifyKind;
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_request_crosses_with_its_descriptor() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (read_end, write_end) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&write_end, b"content").unwrap();
        drop(write_end);
        let request = Request::Verify { kind: VerifyKind::Pdf, max_pages: 3, max_bytes: 10 };
        send_request(&ours, &request, Some(read_end.as_fd())).unwrap();
        let (received, descriptor) = receive_request(&theirs).unwrap().unwrap();
        assert_eq!(received, request);
        let mut text = String::new();
        std::fs::File::from(descriptor.unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "content");
        drop(ours);
        assert!(receive_request(&theirs).unwrap().is_none());
    }

    #[test]
    fn a_mount_request_is_short_and_brings_no_descriptor() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let request = MountRequest::Attach { device: "loop7".into() };
        send_mount_request(&ours, &request).unwrap();
        assert_eq!(receive_mount_request(&theirs).unwrap(), Some(request.clone()));
        send(&ours, &request, Some(theirs.as_fd()), MAX_MOUNT_BYTES).unwrap();
        assert!(matches!(receive_mount_request(&theirs), Err(WireError::Descriptors(1))));
        let long = MountRequest::Attach { device: "x".repeat(MAX_MOUNT_BYTES) };
        assert!(matches!(send_mount_request(&ours, &long), Err(WireError::Length(_))));
        send(&ours, &long, None, MAX_FRAME_BYTES).unwrap();
        assert!(matches!(receive_mount_request(&theirs), Err(WireError::Length(_))));
    }
}
