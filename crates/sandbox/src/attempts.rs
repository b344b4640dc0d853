//! What no worker may be able to do, each as one attempt that can be made for real.
//!
//! **Invariant**: an attempt that succeeds does no harm; what would (restarting the machine, loading kernel code) is tried
//! with arguments the kernel refuses by itself, behind the check whether the caller may ask at all.

use crate::{Role, SandboxError, sys};
use std::{ffi::CStr, fmt, io, str::FromStr};

/// Something no worker may be able to do.
#[derive(Clone, Copy)]
pub struct Attempt {
    name: &'static str,
    kind: Kind,
    make: fn() -> io::Result<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Succeeds in an unconfined process of an ordinary user, so that its refusal proves confinement.
    Possible,
    /// The same, and one of those every start of the station tries: one of each kind, since a start must stay quick.
    Essential,
    /// Fails anyway for an ordinary user, on some machines, or with the arguments given.
    Privileged,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Attempt {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Attempt {}

impl Attempt {
    /// Every attempt.
    pub fn all() -> impl Iterator<Item = Self> {
        FILES.iter().chain(NETWORK).chain(PROCESSES).chain(PRIVILEGES).chain(MEMORY).chain(KERNEL).copied()
    }

    /// Those that every start of the station makes: reading, writing, the network, programs, other processes, code.
    pub fn essential() -> impl Iterator<Item = Self> {
        Self::all().filter(|attempt| attempt.kind == Kind::Essential)
    }

    /// Those an unconfined process of an ordinary user succeeds with on every machine.
    pub fn possible_unconfined() -> impl Iterator<Item = Self> {
        Self::all().filter(|attempt| attempt.kind != Kind::Privileged)
    }

    /// The attempt's name in arguments and reports.
    pub const fn as_str(self) -> &'static str {
        self.name
    }

    /// Whether a worker in `role` must not be able to do it: LibreOffice starts threads and processes in its jail and
    /// opens Unix sockets and signals its threads there, a tree worker lists its tree,
    /// and a renderer holds the station's fonts, opened for reading before it was confined.
    pub fn is_forbidden_to(self, role: Role) -> bool {
        match role {
            Role::RenderOffice => !["fork", "list-root", "unix-socket", "wait-descriptor", "signal-thread-of-group"].contains(&self.name),
            Role::Tree => self.name != "list-root",
            Role::Render => self.name != "guess-descriptor",
            Role::Read | Role::Inspect | Role::Verify => true,
        }
    }

    /// Makes the attempt in the calling process, confined or not.
    ///
    /// # Errors
    /// What the system answered; the success of an attempt is its `Ok`.
    pub fn make(self) -> io::Result<i64> {
        (self.make)()
    }
}

impl FromStr for Attempt {
    type Err = SandboxError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::all().find(|attempt| attempt.name == word).ok_or(SandboxError::Arguments)
    }
}

const fn possible(name: &'static str, make: fn() -> io::Result<i64>) -> Attempt {
    Attempt { name, kind: Kind::Possible, make }
}

const fn essential(name: &'static str, make: fn() -> io::Result<i64>) -> Attempt {
    Attempt { name, kind: Kind::Essential, make }
}

const fn privileged(name: &'static str, make: fn() -> io::Result<i64>) -> Attempt {
    Attempt { name, kind: Kind::Privileged, make }
}

/// A file every machine has, anybody may read, and no jail shows.
const FILE: &CStr = c"/etc/group";
const ROOT: &CStr = c"/";
const CWD: i64 = libc::AT_FDCWD as i64;

fn call<const N: usize>(number: i64, arguments: [i64; N]) -> io::Result<i64> {
    let mut six = [0; 6];
    for (slot, argument) in six.iter_mut().zip(arguments) {
        *slot = argument;
    }
    sys::raw(number, six)
}

fn path(text: &'static CStr) -> i64 {
    text.as_ptr() as i64
}

fn open(text: &'static CStr, flags: i32) -> io::Result<i64> {
    call(libc::SYS_openat, [CWD, path(text), i64::from(flags), 0o600])
}

fn socket(family: i32, kind: i32) -> io::Result<i64> {
    call(libc::SYS_socket, [family.into(), kind.into(), 0])
}

fn anonymous(protection: i32) -> io::Result<i64> {
    let flags = i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    call(libc::SYS_mmap, [0, PIECE, protection.into(), flags, -1, 0])
}

/// Size of the mappings that are tried, bytes; the office jail may make smaller ones executable (see its profile).
const PIECE: i64 = 1 << 16;
const RW: i32 = libc::PROT_READ | libc::PROT_WRITE;

const FILES: &[Attempt] = &[
    essential("read-file", || open(FILE, libc::O_RDONLY)),
    possible("read-file-openat2", || {
        static HOW: [u64; 3] = [0; 3];
        call(libc::SYS_openat2, [CWD, path(FILE), HOW.as_ptr() as i64, 24])
    }),
    possible("read-file-old-call", || call(libc::SYS_open, [path(FILE), 0, 0])),
    privileged("read-shadow", || open(c"/etc/shadow", libc::O_RDONLY)),
    privileged("read-memory-device", || open(c"/dev/mem", libc::O_RDONLY)),
    possible("read-own-proc", || open(c"/proc/self/status", libc::O_RDONLY)),
    possible("read-others-proc", || open(c"/proc/1/status", libc::O_RDONLY)),
    privileged("write-own-memory-file", || open(c"/proc/self/mem", libc::O_RDWR)),
    possible("read-sys", || open(c"/sys/kernel/mm/transparent_hugepage/enabled", libc::O_RDONLY)),
    possible("list-root", || open(ROOT, libc::O_RDONLY | libc::O_DIRECTORY)),
    essential("create-file", || {
        // Outside of a jail: a file without a name, which is gone with the process.
        open(c"/var/tmp", libc::O_TMPFILE | libc::O_WRONLY).or_else(|_| open(c"/work/../new", libc::O_CREAT | libc::O_WRONLY))
    }),
    privileged("reopen-input", || open(c"/proc/self/fd/0", libc::O_RDWR)),
    possible("ask-for-file", || {
        static mut STAT: [u64; 32] = [0; 32];
        call(libc::SYS_newfstatat, [CWD, path(FILE), (&raw mut STAT) as i64, 0])
    }),
    possible("ask-for-file-statx", || {
        static mut STATX: [u64; 64] = [0; 64];
        call(libc::SYS_statx, [CWD, path(FILE), 0, 0xfff, (&raw mut STATX) as i64])
    }),
    possible("may-i-read", || call(libc::SYS_access, [path(FILE), 4])),
    possible("where-am-i", || {
        static mut TEXT: [u8; 4096] = [0; 4096];
        call(libc::SYS_readlink, [path(c"/proc/self/exe"), (&raw mut TEXT) as i64, 4096])
    }),
    privileged("make-directory", || call(libc::SYS_mkdirat, [CWD, path(c"/new"), 0o700])),
    privileged("make-link", || call(libc::SYS_symlinkat, [path(FILE), CWD, path(c"/new")])),
    privileged("make-hard-link", || call(libc::SYS_linkat, [CWD, path(FILE), CWD, path(c"/new"), 0])),
    privileged("make-device", || call(libc::SYS_mknodat, [CWD, path(c"/new"), i64::from(libc::S_IFCHR) | 0o600, 0x101])),
    privileged("remove-file", || call(libc::SYS_unlinkat, [CWD, path(c"/absent"), 0])),
    privileged("rename-file", || call(libc::SYS_renameat2, [CWD, path(c"/absent"), CWD, path(c"/new"), 0])),
    privileged("truncate-file", || call(libc::SYS_truncate, [path(c"/absent"), 0])),
    privileged("change-mode", || call(libc::SYS_fchmodat, [CWD, path(c"/absent"), 0o777])),
    privileged("change-owner", || call(libc::SYS_fchownat, [CWD, path(c"/absent"), 0, 0, 0])),
    privileged("set-attribute", || call(libc::SYS_setxattr, [path(c"/absent"), path(c"user.a"), path(c"b"), 1, 0])),
    privileged("open-by-handle", || {
        static HANDLE: [u64; 4] = [0; 4];
        call(libc::SYS_open_by_handle_at, [CWD, HANDLE.as_ptr() as i64, 0])
    }),
    possible("watch-files", || call(libc::SYS_inotify_init1, [0])),
    privileged("watch-all-files", || call(libc::SYS_fanotify_init, [0, 0])),
    privileged("guess-descriptor", || {
        let open = |number| call(libc::SYS_fcntl, [number, libc::F_GETFD.into()]).ok();
        (3..1024).find_map(open).ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))
    }),
    privileged("guess-writable-descriptor", || {
        let writable = |number| {
            let flags = call(libc::SYS_fcntl, [number, libc::F_GETFL.into()]).ok()?;
            (flags & i64::from(libc::O_ACCMODE) != i64::from(libc::O_RDONLY)).then_some(number)
        };
        (3..1024).find_map(writable).ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))
    }),
];

const NETWORK: &[Attempt] = &[
    essential("tcp-socket", || socket(libc::AF_INET, libc::SOCK_STREAM)),
    possible("tcp6-socket", || socket(libc::AF_INET6, libc::SOCK_STREAM)),
    possible("udp-socket", || socket(libc::AF_INET, libc::SOCK_DGRAM)),
    possible("udp6-socket", || socket(libc::AF_INET6, libc::SOCK_DGRAM)),
    privileged("raw-socket", || socket(libc::AF_INET, libc::SOCK_RAW)),
    privileged("packet-socket", || socket(libc::AF_PACKET, libc::SOCK_RAW)),
    possible("netlink-socket", || socket(libc::AF_NETLINK, libc::SOCK_RAW)),
    possible("unix-datagram-socket", || socket(libc::AF_UNIX, libc::SOCK_DGRAM)),
    possible("unix-packet-socket", || socket(libc::AF_UNIX, libc::SOCK_SEQPACKET)),
    possible("unix-socket", || socket(libc::AF_UNIX, libc::SOCK_STREAM)),
    possible("socket-pair", || {
        static mut PAIR: [i32; 2] = [0; 2];
        call(libc::SYS_socketpair, [libc::AF_UNIX.into(), libc::SOCK_STREAM.into(), 0, (&raw mut PAIR) as i64])
    }),
    privileged("vsock-socket", || socket(libc::AF_VSOCK, libc::SOCK_STREAM)),
    privileged("kernel-crypto-socket", || socket(libc::AF_ALG, libc::SOCK_SEQPACKET)),
    privileged("bluetooth-socket", || socket(libc::AF_BLUETOOTH, libc::SOCK_RAW)),
    privileged("can-socket", || socket(libc::AF_CAN, libc::SOCK_RAW)),
    privileged("key-socket", || socket(libc::AF_KEY, libc::SOCK_RAW)),
    privileged("xdp-socket", || socket(libc::AF_XDP, libc::SOCK_RAW)),
    privileged("tipc-socket", || socket(libc::AF_TIPC, libc::SOCK_STREAM)),
    privileged("abstract-socket", || {
        // "\0schleuse": a name in the network namespace of the supervisor, if this were it.
        static ADDRESS: [u8; 11] = *b"\x01\x00\x00schleuse";
        let socket = socket(libc::AF_UNIX, libc::SOCK_STREAM)?;
        call(libc::SYS_connect, [socket, ADDRESS.as_ptr() as i64, 11])
    }),
];

const PROCESSES: &[Attempt] = &[
    possible("fork", || forked(call(libc::SYS_clone, [libc::SIGCHLD.into(), 0, 0, 0, 0]))),
    possible("fork-old-call", || forked(call(libc::SYS_fork, []))),
    possible("fork-clone3", || {
        static ARGUMENTS: [u64; 8] = [0; 8];
        forked(call(libc::SYS_clone3, [ARGUMENTS.as_ptr() as i64, 64]))
    }),
    essential("execute", || call(libc::SYS_execve, [path(c"/bin/true"), 0, 0])),
    possible("execute-at", || call(libc::SYS_execveat, [CWD, path(c"/bin/true"), 0, 0, 0])),
    privileged("execute-descriptor", || call(libc::SYS_execveat, [0, path(c""), 0, 0, libc::AT_EMPTY_PATH.into()])),
    essential("trace", || call(libc::SYS_ptrace, [libc::PTRACE_TRACEME.into(), 0, 0, 0])),
    privileged("trace-other", || call(libc::SYS_ptrace, [libc::PTRACE_SEIZE.into(), 1, 0, 0])),
    possible("read-others-memory", || {
        static mut HERE: [u64; 2] = [0; 2];
        static THERE: [u64; 2] = [1; 2];
        let target = (&raw mut HERE) as i64;
        // From itself, which an unconfined process may.
        let (local, remote) = ([target, 8], [THERE.as_ptr() as i64, 8]);
        call(libc::SYS_process_vm_readv, [own_id(), local.as_ptr() as i64, 1, remote.as_ptr() as i64, 1, 0])
    }),
    possible("write-others-memory", || {
        static mut THERE: [u64; 2] = [0; 2];
        static HERE: [u64; 2] = [1; 2];
        let (local, remote) = ([HERE.as_ptr() as i64, 8], [(&raw mut THERE) as i64, 8]);
        call(libc::SYS_process_vm_writev, [own_id(), local.as_ptr() as i64, 1, remote.as_ptr() as i64, 1, 0])
    }),
    privileged("take-others-descriptor", || call(libc::SYS_pidfd_getfd, [0, 0, 0])),
    possible("compare-kernel-pointers", || call(libc::SYS_kcmp, [own_id(), own_id(), 0, 0, 0])),
    possible("signal-itself-by-kill", || call(libc::SYS_kill, [own_id(), 0])),
    privileged("signal-supervisor", || {
        // Whatever number the supervisor has: none of them is in this namespace.
        (2..64).find_map(|id| call(libc::SYS_kill, [id, 0]).ok()).ok_or_else(|| io::Error::from_raw_os_error(libc::EPERM))
    }),
    possible("signal-thread", || call(libc::SYS_tkill, [own_id(), 0])),
    possible("signal-thread-of-group", || call(libc::SYS_tgkill, [own_id(), own_id(), 0])),
    possible("signal-by-descriptor", || {
        let process = call(libc::SYS_pidfd_open, [own_id(), 0])?;
        call(libc::SYS_pidfd_send_signal, [process, 0, 0, 0])
    }),
    possible("signal-with-value", || {
        static mut INFO: [i32; 32] = [0; 32];
        call(libc::SYS_rt_sigqueueinfo, [own_id(), 0, (&raw mut INFO) as i64])
    }),
    possible("change-priority", || call(libc::SYS_setpriority, [0, 0, 19])),
    possible("change-scheduler", || {
        static PRIORITY: [i32; 1] = [0];
        call(libc::SYS_sched_setscheduler, [0, libc::SCHED_BATCH.into(), PRIORITY.as_ptr() as i64])
    }),
    possible("set-limit", || {
        static LIMIT: [u64; 2] = [0; 2];
        call(libc::SYS_prlimit64, [0, i64::from(libc::RLIMIT_CORE), LIMIT.as_ptr() as i64, 0])
    }),
    privileged("raise-limit", || {
        static UNLIMITED: [u64; 2] = [libc::RLIM_INFINITY; 2];
        call(libc::SYS_prlimit64, [0, i64::from(libc::RLIMIT_AS), UNLIMITED.as_ptr() as i64, 0])
    }),
    privileged("type-into-terminal", || call(libc::SYS_ioctl, [0, libc::TIOCSTI as i64, path(c"x")])),
    privileged("drive-console", || call(libc::SYS_ioctl, [0, libc::TIOCLINUX as i64, path(c"\x02")])),
    privileged("hang-up-terminal", || call(libc::SYS_vhangup, [])),
    privileged("old-abi-call", || call(0x4000_0000 | libc::SYS_getpid, [])),
];

const PRIVILEGES: &[Attempt] = &[
    possible("set-user", || call(libc::SYS_setresuid, [-1, -1, -1])),
    privileged("become-root", || call(libc::SYS_setuid, [0])),
    possible("set-group", || call(libc::SYS_setresgid, [-1, -1, -1])),
    privileged("set-groups", || call(libc::SYS_setgroups, [0, 0])),
    privileged("set-capabilities", || {
        static HEADER: [u32; 2] = [0x2008_0522, 0];
        static ALL: [u32; 6] = [u32::MAX; 6];
        call(libc::SYS_capset, [HEADER.as_ptr() as i64, ALL.as_ptr() as i64])
    }),
    possible("become-dumpable", || call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE.into(), 1])),
    privileged("raise-ambient-capability", || {
        call(libc::SYS_prctl, [libc::PR_CAP_AMBIENT.into(), libc::PR_CAP_AMBIENT_RAISE.into(), 21, 0, 0])
    }),
    possible("allow-a-tracer", || {
        call(libc::SYS_prctl, [libc::PR_SET_PTRACER.into(), 0]).or_else(|_| call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG.into(), 0]))
    }),
    possible("survive-parent", || call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG.into(), 0])),
    possible("change-personality", || call(libc::SYS_personality, [0xffff_ffff])),
    privileged("add-filter", || call(libc::SYS_seccomp, [1, 0, 0])),
    privileged("enter-namespace", || call(libc::SYS_setns, [0, 0])),
    possible("new-user-namespace", || call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into()])),
    privileged("new-mount-namespace", || call(libc::SYS_unshare, [libc::CLONE_NEWNS.into()])),
    privileged("new-net-namespace", || call(libc::SYS_unshare, [libc::CLONE_NEWNET.into()])),
    privileged("mount", || call(libc::SYS_mount, [path(c"tmpfs"), path(c"/absent"), path(c"tmpfs"), 0, 0])),
    privileged("unmount", || call(libc::SYS_umount2, [path(c"/absent"), 0])),
    privileged("new-root", || call(libc::SYS_pivot_root, [path(c"/absent"), path(c"/absent")])),
    privileged("change-root", || call(libc::SYS_chroot, [path(c"/absent")])),
    privileged("open-file-system", || call(libc::SYS_fsopen, [path(c"tmpfs"), 0])),
    privileged("clone-mount", || call(libc::SYS_open_tree, [CWD, path(ROOT), 1])),
    privileged("move-mount", || call(libc::SYS_move_mount, [CWD, path(c"/absent"), CWD, path(c"/absent"), 0])),
    privileged("change-mount", || call(libc::SYS_mount_setattr, [CWD, path(c"/absent"), 0, 0, 0])),
    privileged("set-host-name", || call(libc::SYS_sethostname, [path(c"x"), 1])),
    privileged("set-clock", || {
        static TIME: [i64; 2] = [-1; 2];
        call(libc::SYS_clock_settime, [libc::CLOCK_REALTIME.into(), TIME.as_ptr() as i64])
    }),
];

const MEMORY: &[Attempt] = &[
    essential("writable-executable-memory", || anonymous(RW | libc::PROT_EXEC)),
    possible("executable-memory", || anonymous(libc::PROT_READ | libc::PROT_EXEC)),
    possible("executable-later", || {
        let memory = anonymous(RW)?;
        call(libc::SYS_mprotect, [memory, PIECE, i64::from(libc::PROT_READ | libc::PROT_EXEC)])
    }),
    possible("writable-executable-later", || {
        let memory = anonymous(RW)?;
        call(libc::SYS_mprotect, [memory, PIECE, i64::from(RW | libc::PROT_EXEC)])
    }),
    privileged("executable-later-by-key", || {
        let memory = anonymous(RW)?;
        call(libc::SYS_pkey_mprotect, [memory, PIECE, i64::from(RW | libc::PROT_EXEC), -1])
    }),
    possible("memory-file", || call(libc::SYS_memfd_create, [path(c"x"), 0])),
    privileged("secret-memory", || call(libc::SYS_memfd_secret, [0])),
    possible("shared-memory", || {
        call(libc::SYS_shmget, [libc::IPC_PRIVATE.into(), 4096, 0o600])
            .and_then(|id| call(libc::SYS_shmctl, [id, libc::IPC_RMID.into(), 0]))
    }),
    possible("message-queue", || {
        call(libc::SYS_msgget, [libc::IPC_PRIVATE.into(), 0o600]).and_then(|id| call(libc::SYS_msgctl, [id, libc::IPC_RMID.into(), 0]))
    }),
    possible("wait-descriptor", || call(libc::SYS_eventfd2, [0, 0])),
    privileged("lock-memory", || call(libc::SYS_mlockall, [libc::MCL_CURRENT.into()])),
];

const KERNEL: &[Attempt] = &[
    possible("io-uring", || {
        static mut PARAMETERS: [u64; 16] = [0; 16];
        let made = call(libc::SYS_io_uring_setup, [1, (&raw mut PARAMETERS) as i64]);
        // A machine may have switched it off for all; then nothing can be proved, and nothing need be.
        made.or_else(|error| if error.raw_os_error() == Some(libc::ENOSYS) { Ok(0) } else { Err(error) })
    }),
    privileged("bpf", || call(libc::SYS_bpf, [0, 0, 0])),
    privileged("user-fault", || call(libc::SYS_userfaultfd, [1])),
    privileged("performance-counter", || call(libc::SYS_perf_event_open, [0, 0, -1, -1, 0])),
    possible("key-ring", || call(libc::SYS_keyctl, [0, -2, 1])),
    possible("add-key", || call(libc::SYS_add_key, [path(c"user"), path(c"schleuse-probe"), path(c"x"), 1, -1])),
    privileged("request-key", || call(libc::SYS_request_key, [path(c"user"), path(c"absent"), 0, 0])),
    privileged("load-module", || call(libc::SYS_init_module, [0, 0, 0])),
    privileged("load-module-file", || call(libc::SYS_finit_module, [-1, 0, 0])),
    privileged("remove-module", || call(libc::SYS_delete_module, [0, 0])),
    privileged("load-kernel", || call(libc::SYS_kexec_load, [0, 0, 0, -1])),
    // Wrong magic numbers: nobody's machine restarts.
    privileged("restart-machine", || call(libc::SYS_reboot, [0, 0, 0, 0])),
    privileged("swap-on", || call(libc::SYS_swapon, [path(c"/absent"), 0])),
    privileged("kernel-log", || call(libc::SYS_syslog, [-1, 0, 0])),
    privileged("accounting", || call(libc::SYS_acct, [path(c"/absent")])),
    privileged("input-output-ports", || call(libc::SYS_iopl, [0])),
    privileged("quota", || call(libc::SYS_quotactl, [0, 0, 0, 0])),
    privileged("segment-table", || call(libc::SYS_modify_ldt, [0, 0, 0])),
];

/// A child ends at once; only the parent tells.
fn forked(result: io::Result<i64>) -> io::Result<i64> {
    match result {
        Ok(0) => sys::exit_now(0),
        other => other,
    }
}

fn own_id() -> i64 {
    rustix::process::getpid().as_raw_nonzero().get().into()
}
