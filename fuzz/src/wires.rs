//! Both directions of the trust boundary: what is read is a message, and only that message.

use rustix::net::{AddressFamily, SendFlags, SocketType, send, socketpair};
use std::io::Write as _;
use wire::{Answer, Frame, FrameReader, FrameWriter, MAX_FRAME_BYTES, receive_request, send_request};

/// A worker reads requests.
pub(crate) fn requests(bytes: &[u8]) {
    let (ours, theirs) = channel();
    // The kernel's buffer holds more than the longest input.
    let _sent = send(&ours, bytes, SendFlags::NOSIGNAL).expect("a loop-back channel takes bytes");
    drop(ours);
    while let Ok(Some((request, descriptor))) = receive_request(&theirs) {
        assert!(descriptor.is_none(), "a descriptor nobody sent");
        let (ours, theirs) = channel();
        send_request(&ours, &request, None).expect("what was read can be sent");
        let again = receive_request(&theirs).expect("what was sent can be read");
        assert_eq!(again.map(|(again, _)| again), Some(request));
    }
}

fn channel() -> (rustix::fd::OwnedFd, rustix::fd::OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::STREAM, rustix::net::SocketFlags::CLOEXEC, None).expect("a socket pair")
}

/// The supervisor reads answers, of the first job and of the next.
pub(crate) fn answers(bytes: &[u8]) {
    let mut reader = FrameReader::new(bytes);
    loop {
        match reader.read_frame::<Answer>() {
            Ok(Some(Frame::Bytes(bytes))) => assert!(!bytes.is_empty() && bytes.len() <= MAX_FRAME_BYTES),
            Ok(Some(Frame::Control(answer))) => {
                let written = framed(&answer);
                let Ok(Some(Frame::Control(again))) = FrameReader::new(&written[..]).read_frame::<Answer>() else {
                    panic!("an answer that cannot be read back");
                };
                // Compared as bytes: a number that is none differs from itself.
                assert_eq!(framed(&again), written);
                if answer == Answer::Done {
                    reader.next_job();
                }
            }
            Ok(None) | Err(_) => return,
        }
    }
}

fn framed(answer: &Answer) -> Vec<u8> {
    let mut out = Vec::new();
    FrameWriter::new(&mut out).control(answer).expect("what was read can be written");
    out.flush().expect("memory");
    out
}
