//! The system calls for which no safe wrapper exists; nothing else is in here.
//!
//! **Invariant**: every function leaves memory and ownership of descriptors as its signature says; all policy lives in
//! the callers.
#![allow(unsafe_code)]

use rustix::thread::UnshareFlags;
use std::{
    ffi::CString,
    io,
    os::{
        fd::{AsRawFd as _, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
    time::Duration,
};

/// Signals that pid 1 of a namespace ignores unless it has a handler, although they shall end it: its own abort, and its
/// CPU limit. The handler ends it with [`exit_code_for`] the signal, and the stub turns that into the signal again.
const REPORTED_SIGNALS: [i32; 2] = [libc::SIGABRT, libc::SIGXCPU];

/// Exit code by which a confined process says that it ended by `signal` (the shells' convention).
const fn exit_code_for(signal: i32) -> i32 {
    128 + signal
}

/// The signal a confined process says it ended by.
pub(crate) fn reported_signal(code: i32) -> Option<i32> {
    REPORTED_SIGNALS.into_iter().find(|signal| exit_code_for(*signal) == code)
}

/// Which of the two processes a fork returned into.
pub(crate) enum Fork {
    /// The old process, with the new one's id.
    Parent(i32),
    /// The new process.
    Child,
}

/// How a process ended, and what it used.
pub(crate) struct Ended {
    /// The raw status of `wait4(2)`.
    pub(crate) status: i32,
    /// User and system CPU time.
    pub(crate) cpu: Duration,
}

/// Closes every descriptor from `first` up.
pub(crate) fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: the call takes plain numbers. Of the two callers, one runs first thing in a fresh process, before anything
    // above 2 is owned (what is prepared for the worker is opened after it); the other is the stub, which never returns to the owners of what it closes.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) }).map(drop)
}

/// Takes ownership of one of the descriptors 0, 1 and 2 the process was started with.
pub(crate) fn inherited(slot: RawFd) -> OwnedFd {
    // SAFETY: called once per slot, by `confine`, which refuses to run a second time.
    // The standard streams of std use the same numbers without owning them.
    unsafe { OwnedFd::from_raw_fd(slot) }
}

/// Moves the calling process (and for pid: its children) into new namespaces.
pub(crate) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: `flags` never contains FILES, the only flag that is dangerous; the process has a single thread.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(io::Error::from)
}

/// Forks. The process must be single-threaded, so that the child finds every lock free.
pub(crate) fn fork() -> io::Result<Fork> {
    // SAFETY: the caller has a single thread (user namespaces cannot be made otherwise).
    match check(i64::from(unsafe { libc::fork() }))? {
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid as i32)),
    }
}

/// Ends the process without running destructors or exit handlers.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process; nothing runs after it.
    unsafe { libc::_exit(code) }
}

/// Waits for the child `pid`.
pub(crate) fn wait_for(pid: i32) -> io::Result<Ended> {
    let mut status = 0;
    // SAFETY: an all-zero rusage is a valid value of that plain C struct.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers refer to live, writable values of the right types.
        match check(i64::from(unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) })) {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let time = |value: libc::timeval| Duration::from_secs(value.tv_sec as u64) + Duration::from_micros(value.tv_usec as u64);
    Ok(Ended { status, cpu: time(usage.ru_utime) + time(usage.ru_stime) })
}

/// Kills every process of the pid namespace the caller is pid 1 of, except the caller.
pub(crate) fn kill_all_others() -> io::Result<()> {
    // SAFETY: plain numbers; -1 reaches only the processes of the caller's own pid namespace.
    match check(i64::from(unsafe { libc::kill(-1, libc::SIGKILL) })) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        other => other.map(drop),
    }
}

/// Ends the process by `signal` with its default effect, so that the parent sees that signal.
pub(crate) fn die_by(signal: i32) -> ! {
    // SAFETY: resets a handler to the default and sends a signal to the own process; plain numbers.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::kill(libc::getpid(), signal);
    }
    exit_now(exit_code_for(signal))
}

/// Makes abort and CPU limit end the process, and tell the stub which it was.
pub(crate) fn report_signals() -> io::Result<()> {
    extern "C" fn report(signal: i32) {
        exit_now(exit_code_for(signal));
    }
    let handler: extern "C" fn(i32) = report;
    for signal in REPORTED_SIGNALS {
        // SAFETY: the handler calls nothing but `_exit`, which is async-signal-safe.
        let former = unsafe { libc::signal(signal, handler as libc::sighandler_t) };
        if former == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Sets all user and group ids of the process, and empties its supplementary groups where `groups` says so.
pub(crate) fn become_user(uid: u32, gid: u32, groups: bool) -> io::Result<()> {
    // SAFETY: plain numbers; with length 0 the group list is not read. The process has a single thread, so there is no
    // other thread whose identity could stay behind.
    unsafe {
        if groups {
            check(i64::from(libc::setgroups(0, std::ptr::null())))?;
        }
        check(i64::from(libc::setresgid(gid, gid, gid)))?;
        check(i64::from(libc::setresuid(uid, uid, uid)))?;
    }
    Ok(())
}

/// Takes every capability out of the bounding set.
pub(crate) fn empty_bounding_set() -> io::Result<()> {
    for capability in 0..64_u64 {
        // SAFETY: plain numbers.
        let dropped = check(i64::from(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }));
        match dropped {
            Ok(_) => {}
            // Past the last capability this kernel knows.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && capability > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes the mount at `path` and all below it read-only, nosuid and nodev.
///
/// `mount_setattr(2)` only adds restrictions; a remount would have to repeat the ones the owner of the machine locked.
pub(crate) fn protect_mount(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: an all-zero mount_attr is a valid value of that plain C struct.
    let mut attributes: libc::mount_attr = unsafe { std::mem::zeroed() };
    attributes.attr_set = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    // SAFETY: the path is a NUL-terminated string and the struct's true size is given; both outlive the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    })
    .map(drop)
}

/// Makes one raw system call with plain numbers; how [`crate::probe`] tries what it must not be able to do.
pub(crate) fn raw(number: libc::c_long, arguments: [libc::c_long; 6]) -> io::Result<i64> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the callers pass numbers, and pointers only to constants the call reads or to statics of at least the size
    // the call writes, which nobody else uses.
    check(unsafe { libc::syscall(number, a, b, c, d, e, f) })
}

/// Installs a seccomp filter whose "tell" answers arrive at the returned listener (`seccomp_unotify(2)`).
pub(crate) fn install_with_listener(filter: &mut [libc::sock_filter]) -> io::Result<OwnedFd> {
    let length = u16::try_from(filter.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len: length, filter: filter.as_mut_ptr() };
    // SAFETY: the program and the filter it points to outlive the call, which copies them.
    let listener = check(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER, &raw const program)
    })?;
    // SAFETY: the call has just made this descriptor; nobody else knows it. Descriptors fit in an i32.
    Ok(unsafe { OwnedFd::from_raw_fd(listener as RawFd) })
}

/// The number of the system call a listener has been told of. The call stays where it is until its process ends.
pub(crate) fn told_call(listener: BorrowedFd<'_>) -> io::Result<u32> {
    /// `SECCOMP_IOCTL_NOTIF_RECV`: `_IOWR('!', 0, struct seccomp_notif)`.
    const RECEIVE: libc::c_ulong = 0xc050_2100;
    // SAFETY: an all-zero seccomp_notif is a valid value of that plain C struct, and the one the kernel asks for.
    let mut told: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the struct is live and writable, and as large as the request number says.
    check(i64::from(unsafe { libc::ioctl(listener.as_raw_fd(), RECEIVE, &raw mut told) }))?;
    Ok(told.data.nr.unsigned_abs())
}

fn check(result: i64) -> io::Result<i64> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// Tells the block device that all of its `size_bytes` are unused; `secure`: that no copy of them may stay either.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`] when the device does not offer it; else as the device answers.
pub fn discard(device: BorrowedFd<'_>, size_bytes: u64, secure: bool) -> io::Result<()> {
    /// `BLKDISCARD` and `BLKSECDISCARD`: `_IO(0x12, 119)`, `_IO(0x12, 125)` of linux/fs.h.
    const DISCARD: libc::c_ulong = 0x1277;
    const SECURE_DISCARD: libc::c_ulong = 0x127d;
    let range = [0_u64, size_bytes];
    let request = if secure { SECURE_DISCARD } else { DISCARD };
    // SAFETY: both requests read two 64-bit numbers, which are live, and write nothing.
    check(i64::from(unsafe { libc::ioctl(device.as_raw_fd(), request, range.as_ptr()) })).map(drop)
}
