//! The read-only switch of block devices (`ioctl` `BLKROSET` and `BLKROGET`, `linux/fs.h`), for `schleuse-mountd`.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// `_IO(0x12, 93)`.
const BLKROSET: libc::c_ulong = 0x125d;
/// `_IO(0x12, 94)`.
const BLKROGET: libc::c_ulong = 0x125e;

/// Sets a block device read-only: from now on the kernel refuses to write to it, whoever asks.
///
/// # Errors
/// When the descriptor is no block device, or the caller lacks `CAP_SYS_ADMIN`.
pub fn set_read_only(device: BorrowedFd<'_>) -> io::Result<()> {
    let yes: libc::c_int = 1;
    // SAFETY: the call reads one int behind the pointer, which outlives it.
    check(unsafe { libc::ioctl(device.as_raw_fd(), BLKROSET, &raw const yes) })
}

/// Whether the kernel refuses to write to a block device.
///
/// # Errors
/// When the descriptor is no block device.
pub fn is_read_only(device: BorrowedFd<'_>) -> io::Result<bool> {
    let mut answer: libc::c_int = 0;
    // SAFETY: the call writes one int behind the pointer, which is live and writable.
    check(unsafe { libc::ioctl(device.as_raw_fd(), BLKROGET, &raw mut answer) })?;
    Ok(answer != 0)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
