//! Starting the probe worker and giving it one order.

use rustix::{
    fs::{MemfdFlags, OFlags},
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
};
use sandbox::{Exit, Limits, Role, Worker, spawn};
use std::{
    fs::File,
    io::{IoSlice, Read, Write},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

pub const MIB: u64 = 1 << 20;

/// The worker program of these tests.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_sandbox-probe"))
}

pub fn limits() -> Limits {
    Limits { cpu_seconds: 20, memory_bytes: 256 * MIB, file_bytes: 0, processes: 1 }
}

pub fn start(role: Role, limits: &Limits) -> Worker {
    spawn(program(), role, limits, None).unwrap()
}

/// Sends the order.
pub fn order(worker: &Worker, text: &str, input: Option<BorrowedFd<'_>>) {
    let job = worker.job().unwrap();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let inputs = input.map_or_else(Vec::new, |input| vec![input]);
    if !inputs.is_empty() {
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&inputs)));
    }
    let sent = sendmsg(job, &[IoSlice::new(text.as_bytes())], &mut ancillary, SendFlags::empty());
    assert_eq!(sent.unwrap(), text.len());
}

/// One order to a worker, its whole answer, and how it ended.
pub fn ask(mut worker: Worker, text: &str, input: Option<BorrowedFd<'_>>) -> (String, Exit) {
    order(&worker, text, input);
    let mut answer = String::new();
    worker.take_answers().unwrap().read_to_string(&mut answer).unwrap();
    (answer, worker.wait().unwrap())
}

/// A memfd with `content`, opened again for reading only.
pub fn read_only_input(content: &[u8]) -> OwnedFd {
    let mut memory = File::from(rustix::fs::memfd_create("input", MemfdFlags::CLOEXEC).unwrap());
    memory.write_all(content).unwrap();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&memory.as_fd()));
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, rustix::fs::Mode::empty()).unwrap()
}
